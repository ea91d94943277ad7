#!/bin/sh
# Timers beside Asio's, libuv's and libevent's; see timers.cpp.
here="$(dirname "$0")"
exec python3 "$here/side_by_side.py" "$WHORL_BUILD_DIR/bench_timers" --rounds 3 --limit 1 "$@"
