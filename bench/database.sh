#!/bin/sh
# Statements and rows a second on PostgreSQL, whorl beside pgbench; see database.py.
exec python3 "$(dirname "$0")/database.py" "$@"
