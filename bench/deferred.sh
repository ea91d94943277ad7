#!/bin/sh
# Deferreds beside tasks written by hand, Asio's awaitables and Twisted's Deferred; see deferred.cpp. The measure is the
# task that one writes, with operator new; the row "hand" shows what nobody can be faster than.
here="$(dirname "$0")"
exec python3 "$here/side_by_side.py" "$WHORL_BUILD_DIR/bench_deferred" --also "$here/deferred_twisted.py" \
  --against hand_malloc --limit 1.3 "$@"
