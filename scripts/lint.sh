#!/bin/bash
# Everything that reads the source without running it: format, include directions, shapes of co_await, hygiene, rules
# without a test, and then clang-tidy over every source file that is no test. Runs all of it even when something fails, and
# exits 1 if anything did.
# usage: lint.sh [--quick]     --quick leaves out clang-tidy
set -uo pipefail

cd "$(dirname "$0")/.."
failed=0

mapfile -t sources < <(git ls-files '*.h' '*.cpp' '*.c')
clang-format-19 --dry-run -Werror "${sources[@]}" && echo "format: as .clang-format says" || failed=1
python3 scripts/check_floors.py || failed=1
python3 scripts/check_awaits.py || failed=1
python3 scripts/check_hygiene.py || failed=1
python3 scripts/check_rules.py || failed=1

if [ "${1:-}" != --quick ]; then
  # Precompiled headers would be looked at in every file.
  cmake --preset dev -B build/lint -DWHORL_PRECOMPILE=OFF >/dev/null || exit 1  # writes compile_commands.json
  mapfile -t units < <(git ls-files 'src/*.cpp' 'examples/*.cpp' ':!*_test.cpp')
  printf '%s\0' "${units[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy-19 -p build/lint --quiet 2>build/lint/clang-tidy.log \
    && echo "clang-tidy: nothing in ${#units[@]} files" || failed=1
fi
exit "$failed"
