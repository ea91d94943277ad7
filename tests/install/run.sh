#!/bin/bash
# Installs whorl into a prefix of its own, then builds and runs uses_<component>.cpp against it, by CMake and by pkg-config,
# for every component that was installed. Needs WHORL_BUILD_DIR (everything built) and CXX; WHORL_SANITIZE as there.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work="$WHORL_BUILD_DIR/install_test"
prefix="$work/prefix"
rm -rf "$work"
mkdir -p "$work"
cmake --install "$WHORL_BUILD_DIR" --prefix "$work/first" >"$work/install.log"
mv "$work/first" "$prefix"  # an installed tree may be moved

flags=()
[ -z "${WHORL_SANITIZE:-}" ] || flags=("-fsanitize=$WHORL_SANITIZE")

components=()
for source in "$here"/uses_*.cpp; do
  component=$(basename "$source" .cpp)
  component=${component#uses_}
  [ -e "$prefix/lib/pkgconfig/whorl-$component.pc" ] && components+=("$component")
done
[ "${#components[@]}" -gt 0 ] || { echo "no component was installed"; exit 1; }

echo "by CMake: ${components[*]}"
cmake -S "$here" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$CXX" \
  -DCMAKE_CXX_FLAGS="${flags[*]-}" "-DCOMPONENTS=$(IFS=';'; echo "${components[*]}")" >"$work/configure.log"
ninja -C "$work/build" >"$work/build.log" || { cat "$work/build.log"; exit 1; }
for component in "${components[@]}"; do
  "$work/build/uses_$component"
done

echo "by pkg-config: ${components[*]}"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
for component in "${components[@]}"; do
  # shellcheck disable=SC2046
  "$CXX" "${flags[@]}" $(pkg-config --cflags "whorl-$component") "$here/uses_$component.cpp" \
    $(pkg-config --libs "whorl-$component") -o "$work/uses_$component"
  "$work/uses_$component"
done
