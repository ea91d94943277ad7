#!/bin/sh
# Loop to pool and back beside Asio's, libuv's and Twisted's; see round_trip.cpp.
here="$(dirname "$0")"
exec python3 "$here/side_by_side.py" "$WHORL_BUILD_DIR/bench_round_trip" --also "$here/round_trip_twisted.py" --limit 1 "$@"
