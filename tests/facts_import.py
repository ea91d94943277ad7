#!/usr/bin/env python3
"""The committed records of the Linux man-pages are what the pages give; a changed record would be noticed.

usage: facts_import.py      exit status 77 if the pages are not installed
"""

import pathlib
import subprocess
import sys

IMPORTER = pathlib.Path(__file__).resolve().parent.parent / "scripts" / "import_attributes.py"

imported = subprocess.run([sys.executable, IMPORTER, "--check"], check=False, timeout=60)
sys.exit(imported.returncode)
