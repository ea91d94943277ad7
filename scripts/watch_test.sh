#!/bin/sh
# Runs a test. Where WHORL_GUARDED is set the guard watches every loop in it, and in the programs that it starts: what it
# reports is printed, and makes the test fail. cmake/wrap_calls.cmake says which tests are run so.
# usage: watch_test.sh TEST ARGUMENT...
set -u

[ -n "${WHORL_GUARDED:-}" ] || exec "$@"

reports=$(mktemp) || exit 1
trap 'rm -f "$reports"' EXIT
WHORL_GUARD=report WHORL_GUARD_REPORTS=$reports "$@"
status=$?
if [ -s "$reports" ]; then
  echo "The guard reports $(grep -c . "$reports"), which a loop should not do; to wait where it must, say permit_blocking because(\"...\"):" >&2
  cat "$reports" >&2
  status=1
fi
exit "$status"
