"""Checks that the files of a release fit together: the bill of materials, the formula, and where binstall looks.

Usage: release.py FOLDER VERSION
"""

import hashlib
import json
import pathlib
import re
import sys
import tarfile
import tomllib
import zipfile

out, version = pathlib.Path(sys.argv[1]), sys.argv[2]
manifest = tomllib.loads(pathlib.Path("Cargo.toml").read_text())

# The bill of materials names each crate of the SDK, and nothing of the machine that made it.
text = (out / f"autoconnect-{version}.cdx.json").read_text()
bill = json.loads(text)
assert bill["bomFormat"] == "CycloneDX", bill["bomFormat"]
assert bill["metadata"]["component"]["name"] == "autoconnect"
listed = {component["name"] for component in bill["components"]}
wanted = {name for name in manifest["workspace"]["dependencies"] if name.startswith("aws-sdk-")}
assert wanted and wanted <= listed, f"not in the bill of materials: {sorted(wanted - listed)}"
assert str(pathlib.Path.home()) not in text and "/tmp/" not in text, "the bill of materials has a path of this machine"

# Each address in the formula is a file of the release, with its checksum.
formula = (out / "autoconnect.rb").read_text()
assert "@" not in formula, "the formula has a word that was not replaced"
pairs = re.findall(r'url "https://github\.com/example/autoconnect/releases/download/v([^/]+)/([^"]+)"\s+sha256 "(\w+)"', formula)
assert len(pairs) == 4, pairs
for tag, name, checksum in pairs:
    assert tag == version
    assert hashlib.sha256((out / name).read_bytes()).hexdigest() == checksum, name

# So is each address that binstall makes, with the program where it looks.
binstall = manifest["package"]["metadata"]["binstall"]
for archive in [*out.glob("*.tar.gz"), *out.glob("*.zip")]:
    if "-lambda-" in archive.name:
        continue
    target = re.fullmatch(rf"autoconnect-{re.escape(version)}-(.+?)\.(tar\.gz|zip)", archive.name)[1]
    values = {"repo": "R", "name": "autoconnect", "bin": "autoconnect", "version": version, "target": target}
    values["binary-ext"] = ".exe" if "windows" in target else ""
    address = binstall["overrides"].get(target, binstall)["pkg-url"]
    fill = lambda template: re.sub(r"\{ ([\w-]+) \}", lambda key: values[key[1]], template)
    assert fill(address) == f"R/releases/download/v{version}/{archive.name}", (fill(address), archive.name)
    if archive.suffix == ".zip":
        members = zipfile.ZipFile(archive).namelist()
    else:
        members = tarfile.open(archive).getnames()
    assert fill(binstall["bin-dir"]) in members, (fill(binstall["bin-dir"]), members)
