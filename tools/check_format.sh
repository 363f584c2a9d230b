#!/bin/sh
# Fails when a tracked C++ file is not formatted as .clang-format says; --fix formats instead.
set -eu
cd "$(dirname "$0")/.."
arguments='--dry-run -Werror'
[ "${1-}" != --fix ] || arguments=-i
# shellcheck disable=SC2086 # two words
git ls-files -z '*.cpp' '*.h' | xargs -0 clang-format $arguments
