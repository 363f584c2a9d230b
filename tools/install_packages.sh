#!/bin/sh
# Installs what is missing of the named groups of packages.txt (default: build).
#   tools/install_packages.sh [build] [check] [bench]
# Needs root or passwordless sudo only when something is missing; otherwise it prints the line to run and fails.
set -eu

list=$(dirname "$0")/packages.txt
[ $# -gt 0 ] || set -- build

wanted=
for group in "$@"; do
  of_group=$(awk -v group="[$group]" '/^\[/ { on = ($0 == group); next } on && NF && !/^#/ { print $1 }' "$list")
  if [ -z "$of_group" ]; then
    echo "install_packages: packages.txt has no group \"$group\"" >&2
    exit 2
  fi
  wanted="$wanted $of_group"
done

missing=
for package in $wanted; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
  as_root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=sudo
else
  {
    echo "Missing Debian packages. As root, run:"
    echo "  apt-get update && apt-get install -y --no-install-recommends$missing"
  } >&2
  exit 1
fi

# nginx, squid and haproxy are only ever run by the tests, with configurations of their own: their services must not start.
# A policy that is there already (a container's, an administrator's) stays as it is.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  $as_root chmod 755 "$policy"
  trap '$as_root rm -f "$policy"' EXIT
  trap 'exit 1' INT TERM HUP
fi

echo "Installing:$missing"
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q </dev/null
# shellcheck disable=SC2086 # one word per package
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing </dev/null
