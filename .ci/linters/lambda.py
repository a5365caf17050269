"""Checks an archive for Lambda: one file, `bootstrap`, that anyone may run. Usage: lambda.py FILE"""

import sys
import zipfile

with zipfile.ZipFile(sys.argv[1]) as archive:
    assert archive.testzip() is None
    [entry] = archive.infolist()
assert entry.filename == "bootstrap", entry
assert entry.external_attr >> 16 & 0o777 == 0o755, oct(entry.external_attr >> 16)
