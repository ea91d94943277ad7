#!/bin/sh
# How long a small source file takes to compile; see compile_time.py.
exec python3 "$(dirname "$0")/compile_time.py" "$@"
