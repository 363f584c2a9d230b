#!/bin/sh
# clang-tidy over the programs' sources (.clang-tidy says which checks): tools/tidy.sh [FILE…]
# Tests are left to the compiler's warnings and the sanitizers: gtest's macros drown clang-tidy in its own names.
set -eu
cd "$(dirname "$0")/.."
# clang cannot read GCC's precompiled headers: a configuration of its own, of which nothing is built.
build=build/tidy
[ -f "$build/compile_commands.json" ] || cmake --preset release -B "$build" -DLARDER_PCH=OFF >/dev/null

if [ $# -eq 0 ]; then
  # shellcheck disable=SC2046 # no blanks in our file names (include_direction.py)
  set -- $(git ls-files 'base/*.cpp' 'cache/*.cpp' 'origin/*.cpp' 'peer/*.cpp' 'agent/*.cpp')
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# -quiet still prints a line per file; only findings are of interest. GCC's warning options mean nothing to clang.
status=0
printf '%s\n' "$@" |
  xargs -P "${JOBS:-2}" -n 1 clang-tidy -quiet -p "$build" --extra-arg=-Wno-unknown-warning-option >"$log" 2>/dev/null ||
  status=$?
cat "$log"
if [ "$status" -ne 0 ]; then
  echo "clang-tidy: findings above" >&2
  exit 1
fi
echo "clang-tidy: $# files clean"
