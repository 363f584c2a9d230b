#!/bin/bash
# What a release has to show beyond the tests: tools/release_check.sh [LARDER_PACKAGE_BEFORE]
#   the tree is committed, and its version is said the same everywhere
#   the packages are made twice, in two places, with the same bytes, by compilers that may take 4 GiB each
#   lintian and piuparts find nothing
#   machines that have the package before are upgraded (default: of the commit before this one)
# LARDER_PROGRAMS=DIR leaves out the compiling, to try this script. Needs root; takes three builds of the programs.
set -eu -o pipefail
cd "$(dirname "$0")/.."
tools/install_packages.sh build package packaging
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
step() { echo "release-check: $*"; }

step "the tree"
[ -z "$(git status --porcelain)" ] || { echo "release-check: the tree has changes that are not committed" >&2; exit 1; }
python3 tests/unit/packaging/control_test.py

step "two builds"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
JOBS=1 prlimit --as=$((4 << 30)) tools/package.sh "$work/one"
JOBS=1 TMPDIR="$work" prlimit --as=$((4 << 30)) tools/package.sh "$work/two"
(cd "$work/one" && sha256sum -- *.deb) >"$work/sums"
(cd "$work/two" && sha256sum --check --quiet "$work/sums") || { echo "release-check: two builds differ" >&2; exit 1; }

step "lintian"
lintian --allow-root --fail-on error,warning "$work"/one/*.deb

step "piuparts"
source=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' | awk '$1 == "bookworm" { print $2; exit }')
piuparts --distribution=bookworm --mirror="$source main" --warn-on-leftovers-after-purge --no-eatmydata "$work"/one/larder_*.deb >"$work/piuparts.log" 2>&1 ||
  { tail -n 40 "$work/piuparts.log" >&2; exit 1; }

step "an upgrade"
before=${1-}
if [ -z "$before" ]; then
  git worktree add -q --detach "$work/before" HEAD~1
  trap 'git worktree remove -f "$work/before"; rm -rf "$work"' EXIT
  "$work/before/tools/package.sh" "$work/old"
  before=$(echo "$work"/old/larder_*.deb)
fi
python3 tests/packaging/run.py --bin-dir "${LARDER_PROGRAMS:-build/release/bin}" --debs "$work/one" --previous "$before"
step "well"
