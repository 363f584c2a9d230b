#!/bin/sh
# Builds the libFuzzer targets with clang and runs each for a while on its corpus: tools/fuzz.sh [SECONDS]
# What crashes is left in build/fuzz/crash-*; add it to tests/fuzz/corpus/<target>/ with the fix. New inputs that reach
# more code stay in build/fuzz/corpus/.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-30}
tools/build.sh fuzz
status=0
for program in build/fuzz/bin/fuzz_*; do
  name=${program##*/fuzz_}
  mkdir -p "build/fuzz/corpus/$name"
  echo "fuzz: $name for $seconds s"
  "$program" -max_total_time="$seconds" -print_final_stats=0 -verbosity=0 -artifact_prefix=build/fuzz/crash- \
    "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" || status=1
done
exit $status
