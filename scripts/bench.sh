#!/bin/sh
# Builds the benchmarks in build/release and runs them one after another: the programs with a BENCHMARK_MAIN, then
# the scripts bench/*.sh, which get WHORL_BUILD_DIR and drive the other programs (servers and load generators).
set -eu

cd "$(dirname "$0")/.."
[ -d bench ] || { echo "There is no bench/ yet: nothing to measure."; exit 0; }
export WHORL_BUILD_DIR="$PWD/build/release"
cmake --preset release -DWHORL_BUILD_BENCH=ON >/dev/null
scripts/build.sh release

for source in $(grep -l BENCHMARK_MAIN bench/*.cpp || true); do
  echo "== $source"
  "$WHORL_BUILD_DIR/bench_$(basename "$source" .cpp)"
done
for script in bench/*.sh; do
  [ -e "$script" ] || continue
  echo "== $script"
  bash "$script" </dev/null
done
