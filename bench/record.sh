#!/bin/sh
# What the guard costs beside the same program without; see record.py.
set -eu
: "${WHORL_BUILD_DIR:=build/release}"
export WHORL_BUILD_DIR
ninja -C "$WHORL_BUILD_DIR" bench_echo_unrecorded bench_echo_whorl bench_echo_load >/dev/null
exec python3 "$(dirname "$0")/record.py" "$@"
