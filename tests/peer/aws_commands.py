# Reads a JSON list of `aws …` command lines from standard input and prints an object: each line that the AWS CLI would
# not send, and why. A shell splits the lines, and the AWS CLI itself parses them; nothing is sent. What neither the CLI nor
# botocore looks at before sending is compared with the service's model: the values of enumerations and patterns.
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import types

# The CLI reads neither the files of whoever runs the tests nor the instance's metadata.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
EMPTY = tempfile.mkdtemp()
BASH = shutil.which("bash")
os.chdir(EMPTY)
os.environ.update(
    AWS_CONFIG_FILE="/dev/null",
    AWS_SHARED_CREDENTIALS_FILE="/dev/null",
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_DEFAULT_REGION="eu-central-1",
    AWS_EC2_METADATA_DISABLED="true",
    AWS_PAGER="",
)
# A command may name these files, which the reader or a command before it has written.
FILES = {
    "policy.json": '{"Version": "2012-10-17", "Statement": []}',
    "template.yaml": "Resources: {}",
    "import.json": '[{"ResourceType": "T", "LogicalResourceId": "L", "ResourceIdentifier": {"Id": "sg-0a1b"}}]',
}
for name, content in FILES.items():
    with open(name, "w") as file:
        file.write(content)

from awscli.clidriver import create_clidriver  # noqa: E402

# Version 2 of the AWS CLI, which is not published as a package, has these, and this version does not.
VERSION_2 = {("configure", "list-profiles"), ("sso", "login"), ("login",)}
# They do more than one request, and have no dry run. Their options are looked at in the CLI's own table.
CUSTOM = {("configure",), ("s3", "cp"), ("cloudformation", "deploy")}


def words(line):
    """What a shell makes of the line: the words of one command, or an error."""
    script = "set -u\naws() { printf '%s\\0' \"$@\"; }\n" + line
    shell = subprocess.run(
        [BASH, "--noprofile", "--norc", "-r", "-c", script], capture_output=True, cwd=EMPTY, env={"PATH": ""}, timeout=20
    )
    if shell.returncode != 0 or shell.stderr:
        raise ValueError("the shell refuses it: " + shell.stderr.decode().strip())
    found = shell.stdout.decode().split("\0")[:-1]
    # A second command, or anything that the shell puts in a word's place, would be here.
    if re.search(r"(?<!\\)[`;&|()<>]|\$\(|\n", re.sub(r"\$?'(?:[^'\\]|\\.)*'", "", line)):
        raise ValueError("it is more than one plain command")
    return found


def judge(shape, value, path, wrong):
    if shape.type_name == "structure" and isinstance(value, dict):
        # What it has no member for is botocore's to refuse.
        for name in shape.members.keys() & value.keys():
            judge(shape.members[name], value[name], f"{path}.{name}", wrong)
    elif shape.type_name == "list" and isinstance(value, list):
        for member in value:
            judge(shape.member, member, path, wrong)
    elif shape.type_name == "map" and isinstance(value, dict):
        for member in value.values():
            judge(shape.value, member, path, wrong)
    elif shape.type_name == "string" and isinstance(value, str):
        if shape.enum and value not in shape.enum:
            wrong.append(f"{path}: {value!r} is none of {', '.join(shape.enum)}")
        pattern = shape.metadata.get("pattern")
        with contextlib.suppress(re.error):  # Some are not Python's.
            if pattern and not re.fullmatch(pattern, value):
                wrong.append(f"{path}: {value!r} does not match {pattern}")
        if len(value) > shape.metadata.get("max", len(value)):
            wrong.append(f"{path}: longer than {shape.metadata['max']}")


# What is wrong with the request, which the CLI takes, and the requests that it made.
wrong = []
made = []


def look(params, model, **_):
    judge(model.input_shape, params, model.name, wrong)


def answer(model, **_):
    """Stands in for AWS: the request is complete and checked, and goes nowhere."""
    made.append(model.name)
    return types.SimpleNamespace(status_code=200), {}


def never(**_):
    raise SystemExit("a request was about to be sent")


def new_driver():
    driver = create_clidriver()
    emitter = driver.session.get_component("event_emitter")
    emitter.register("before-parameter-build", look)
    emitter.register("before-call", answer)
    emitter.register("before-send", never)
    return driver


def custom(arguments):
    """The options of a command that is the CLI's own."""
    command, rest = new_driver().create_help_command(), list(arguments)
    table = command.command_table
    while rest and not rest[0].startswith("-"):
        if rest[0] not in table:
            break
        found = table[rest.pop(0)]
        table = getattr(found, "subcommand_table", {}) or getattr(found.create_help_command(), "command_table", {})
    known = set(found.arg_table) | {"profile", "region", "output"}
    unknown = [word for word in rest if word.startswith("--") and word[2:] not in known]
    if unknown:
        raise ValueError(f"unknown options {unknown}")


def check(line):
    parsed = words(line)
    name = tuple(word for word in parsed[:2] if not word.startswith("-"))
    if name in VERSION_2 and len(parsed) == len(name):
        return
    if name in CUSTOM:
        custom(parsed)
        return
    wrong.clear()
    made.clear()
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            # Handlers of the CLI's own remember what they saw, so that each command needs a driver of its own.
            status = new_driver().main(parsed)
        except SystemExit as end:
            status = end.code
    if status != 0:
        lines = [text.strip() for text in said.getvalue().splitlines() if text.strip()]
        named = [text for text in lines if "error:" in text or "nvalid" in text or "nknown" in text]
        raise ValueError("; ".join((named or lines)[-3:]) or f"status {status}")
    if wrong:
        raise ValueError("; ".join(wrong))
    if not made:
        raise ValueError("the CLI makes no request of it")


refused = {}
for line in json.load(sys.stdin):
    try:
        check(line)
    except ValueError as error:
        refused[line] = str(error)
json.dump(refused, sys.stdout, indent=1)
