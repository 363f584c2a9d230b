#!/bin/sh
# Builds the Debian packages in a copy of the tree and puts them into dist/: tools/package.sh [OUT_DIRECTORY]
# LARDER_PROGRAMS=DIR packages the programs of DIR in place of compiling them (docs/packaging.md).
set -eu
cd "$(dirname "$0")/.."
out=${1:-dist}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

# dpkg-buildpackage writes beside the tree and into debian/: the tree itself stays as it is.
mkdir "$work/larder"
tar -c --exclude=./build --exclude=./dist --exclude=./.git . | tar -x -C "$work/larder"
export DEB_BUILD_OPTIONS="parallel=${JOBS:-2} ${DEB_BUILD_OPTIONS-}"
if ! (cd "$work/larder" && dpkg-buildpackage --build=binary --unsigned-changes) >"$out/package.log" 2>&1; then
  tail -n 40 "$out/package.log" >&2
  echo "cannot build the packages; all of it is in $out/package.log" >&2
  exit 1
fi
rm -f "$out"/*.deb "$out"/*.changes "$out"/*.buildinfo
mv "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$out/"
ls "$out"/*.deb
