"""Parses the Terraform files of a folder, and holds their blocks to the schema of the provider for AWS.

Arguments: the folder, and the schema (terraform-schema.json: what `terraform providers schema -json` of the version named
there says of these types, without what is deprecated). Prints the addresses of the resources as JSON, or ends with what is wrong.
"""

import json
import pathlib
import re
import sys

import hcl2

# What every block of Terraform's own can have.
META = {"lifecycle", "depends_on"}

# What only version 6 of the provider has; a file that writes it demands that version.
VERSION_6 = {"aws_db_proxy": {"default_auth_scheme", "endpoint_network_type", "target_connection_network_type"}}


def plain(text):
    """A label or a key, which the parser keeps in its quotes."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def entries(block):
    return {plain(key): value for key, value in block.items() if not key.startswith("__")}


def check(where, body, schema, extra=frozenset()):
    wrong = []
    attributes, blocks = schema["attributes"], schema.get("blocks", {})
    found = entries(body)
    for name, value in found.items():
        if name in blocks:
            for nested in value if isinstance(value, list) else [value]:
                wrong += check(f"{where}.{name}", nested, blocks[name])
        elif name in attributes:
            if attributes[name] == "computed":
                wrong.append(f"{where}: {name} cannot be set")
        elif name not in META | extra:
            wrong.append(f"{where}: the provider knows no {name}")
    for name, kind in attributes.items():
        if kind == "required" and name not in found:
            wrong.append(f"{where}: {name} is missing")
    for name, nested in blocks.items():
        if nested.get("min") and name not in found and not extra & set(found):
            wrong.append(f"{where}: the block {name} is missing")
    return wrong


def blanked(line):
    """A line without its texts, unless there are expressions in them. No text goes on in the next line."""
    if re.search(r"(?<![$])[$][{]", line):
        return line
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)


def main():
    folder, schema = pathlib.Path(sys.argv[1]), json.loads(pathlib.Path(sys.argv[2]).read_text())
    wrong, addresses, texts = [], {}, []
    for path in sorted(folder.glob("*.tf")):
        text = path.read_text()
        texts.append(text)
        parsed = hcl2.loads(text)
        for kind in ("resource", "data"):
            for block in parsed.get(kind, []):
                (kind_of, named), = entries(block).items()
                (label, body), = entries(named).items()
                address = f"{kind_of}.{label}" if kind == "resource" else f"data.{kind_of}.{label}"
                if address in addresses:
                    wrong.append(f"{address} is there twice")
                addresses[address] = str(path.name)
                if kind_of not in schema[kind]:
                    wrong.append(f"{address}: an unknown type")
                    continue
                wrong += check(address, body, schema[kind][kind_of], VERSION_6.get(kind_of, frozenset()))
        for block in parsed.get("import", []):
            if set(entries(block)) != {"to", "id"}:
                wrong.append(f"{path.name}: an import block with {sorted(entries(block))}")
    code = "\n".join(blanked(line) for text in texts for line in text.splitlines() if not line.startswith("#"))
    for address in re.findall(r"(?<![\w.])(?:data\.)?aws_\w+\.\w+", code):
        if address not in addresses:
            wrong.append(f"{address} is referred to, and is not there")
    variables = set(re.findall(r"^variable \"(\w+)\"", "\n".join(texts), re.MULTILINE))
    for name in set(re.findall(r"(?<![\w.])var\.(\w+)", code)) ^ variables:
        wrong.append(f"variable {name} is only declared or only used")
    if wrong:
        sys.exit("\n".join(wrong))
    print(json.dumps(sorted(addresses)))


main()
