#!/bin/sh
# Configures a CMake preset where that is needed and builds it: tools/build.sh PRESET [TARGET…]
# JOBS (default 2) limits parallel compiling: some units need more than 1 GiB each. CONFIGURE_WITH: words for cmake, where
# the preset is configured.
set -eu
cd "$(dirname "$0")/.."
preset=$1
shift

# What one clone of the tree compiled serves the next, wherever that lies; the precompiled headers need the sloppiness.
export CCACHE_BASEDIR="$PWD" CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros
launcher=
if command -v ccache >/dev/null; then launcher=-DCMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
if [ ! -f "build/$preset/build.ninja" ]; then cmake --preset "$preset" $launcher ${CONFIGURE_WITH-}; fi
if [ $# -gt 0 ]; then
  cmake --build --preset "$preset" -j "${JOBS:-2}" --target "$@"
else
  cmake --build --preset "$preset" -j "${JOBS:-2}"
fi
