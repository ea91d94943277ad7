#!/bin/sh
# Deferreds beside tasks written by hand, Asio's awaitables and Twisted's Deferred; see deferred.cpp.
here="$(dirname "$0")"
exec python3 "$here/side_by_side.py" "$WHORL_BUILD_DIR/bench_deferred" --also "$here/deferred_twisted.py" \
  --against hand --limit 1.3 "$@"
