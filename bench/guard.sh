#!/bin/sh
# What `whorl guard` costs a program; see guard.py.
exec python3 "$(dirname "$0")/guard.py" "$@"
