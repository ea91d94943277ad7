#!/bin/sh
# TCP echo on whorl beside bare loops in C; see echo.py.
exec python3 "$(dirname "$0")/echo.py" "$@"
