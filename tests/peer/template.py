"""Judges a CloudFormation template by cfn-lint: its findings and the template itself, as JSON, on standard output."""

import json
import sys

from cfnlint import decode, lint_file
from pathlib import Path

path = Path(sys.argv[1])
template, _ = decode.decode(str(path))
findings = [f"{found.rule.id}: line {found.linenumber}: {found.message}" for found in lint_file(path)]
json.dump({"findings": findings, "template": template}, sys.stdout)
