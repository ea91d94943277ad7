#!/bin/sh
# Builds targets (all without any) of a preset in build/<preset>; configures only the first time, after that the build itself knows.
# usage: build.sh PRESET [TARGET...]
set -eu

cd "$(dirname "$0")/.."
preset=$1
shift
log="build/$preset/configure.log"
if [ ! -e "build/$preset/build.ninja" ]; then
  mkdir -p "build/$preset"
  cmake --preset "$preset" >"$log" 2>&1 || { cat "$log"; exit 1; }
fi
exec ninja -C "build/$preset" "$@"
