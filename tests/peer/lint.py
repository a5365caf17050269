"""Judges policy documents by parliament: a JSON object of documents by their names on standard input, their findings on
standard output."""

import json
import sys

from parliament import analyze_policy_string


def findings(document):
    """What parliament finds in a document, one line each."""
    found = analyze_policy_string(json.dumps(document)).findings
    return sorted({f"{finding.issue}: {json.dumps(finding.detail, sort_keys=True)}" for finding in found})


json.dump({name: findings(document) for name, document in json.load(sys.stdin).items()}, sys.stdout)
