#!/bin/sh
# Children spawned and reaped, beside bare posix_spawn, vfork, fork, libuv and Twisted; see spawn.cpp.
# usage: spawn.sh [RESIDENT_MEGABYTES]
here="$(dirname "$0")"
"$WHORL_BUILD_DIR/bench_spawn" "$@"
kept=$?
"$here/spawn_twisted.py" "$@"
exit "$kept"
