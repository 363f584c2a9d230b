#!/bin/sh
# The sources as larder_VERSION.tar.xz in dist/, the same bytes for the same commit: tools/dist.sh
set -eu
cd "$(dirname "$0")/.."
version=$(cat VERSION)
mkdir -p dist
git archive --format=tar --prefix="larder-$version/" HEAD | xz -9 -T1 >"dist/larder_$version.tar.xz"
echo "dist/larder_$version.tar.xz"
