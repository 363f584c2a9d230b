#!/bin/sh
# clang-tidy over the programs' sources (.clang-tidy says which checks):
#   tools/tidy.sh             all of them
#   tools/tidy.sh FILE…       these
#   tools/tidy.sh --recent    those that the last 60 commits touched, and those that include a header that they touched;
#                             of more than 90 an even part, another one for each commit: all of them take a quarter of
#                             an hour on two cores. A clone without so much history has nothing that is recent: it looks
#                             at a part of all
# Tests are left to the compiler's warnings and the sanitizers: gtest's macros drown clang-tidy in its own names.
set -euf
cd "$(dirname "$0")/.."
# clang cannot read GCC's precompiled headers: a configuration of its own, of which nothing is built.
build=build/tidy
[ -f "$build/compile_commands.json" ] || cmake --preset release -B "$build" -DLARDER_PCH=OFF >/dev/null

folders="base/* database/* cache/* origin/* peer/* client/* agent/* inbox/*"
all_sources() { git ls-files $(printf '%s.cpp ' $folders); }
# Of the lines of standard input as many as five minutes of two cores are enough for. After a renaming everywhere nearly
# all sources are recent.
a_part() {
  awk -v most=90 -v turn="$((0x$(git rev-parse --short=4 HEAD | cut -c1-4)))" '
    { line[NR] = $0 }
    END { parts = int((NR + most - 1) / most); for (i = 1; i <= NR; i++) if (i % parts == turn % parts) print line[i] }'
}

# Files whose code changed since a commit, by their new names; what only moved, or has other includes and comments, did not.
changed_since() {
  git diff -U0 -M -l9999 "$1" -- $folders | awk '
    function told() { if (name != "" && before != after) print name; name = before = after = "" }
    /^diff --git / { told(); next }
    /^--- / { next }
    /^\+\+\+ / { name = $2 == "/dev/null" ? "" : substr($2, 3); next }
    /^[-+]/ {
      line = substr($0, 2)
      sub(/^ *\/\/.*$/, "", line)
      sub(/ +\/\/ .*$/, "", line)
      if (line ~ /^ *$/ || line ~ /^#include/) next
      if (/^-/) before = before line "\n"; else after = after line "\n"
    }
    END { told() }'
}

recent_sources() {
  since=$(git rev-list --max-count=1 --skip=60 HEAD)
  if [ -z "$since" ]; then
    all_sources | a_part
    return
  fi
  changed=$(changed_since "$since")
  {
    printf '%s\n' "$changed" | grep '\.cpp$' || true
    headers=$(printf '%s\n' "$changed" | grep '\.h$' || true)
    if [ -n "$headers" ]; then
      # shellcheck disable=SC2046
      printf '#include "%s"\n' $headers | grep -l -F -f - $(all_sources) || true
    fi
  } | sort -u | a_part
}

# shellcheck disable=SC2046 # no blanks in our file names (include_direction.py)
if [ $# -eq 0 ]; then
  set -- $(all_sources)
elif [ "$1" = --recent ]; then
  set -- $(recent_sources)
  if [ $# -eq 0 ]; then echo "clang-tidy: no source was changed lately"; exit 0; fi
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
