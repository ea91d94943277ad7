#!/bin/sh
# Installs the Debian packages of the given groups of scripts/packages.txt that are missing, without asking anything.
# When nothing is missing it says nothing and takes a few milliseconds.
# usage: install_packages.sh GROUP...
set -eu

list="$(dirname "$0")/packages.txt"

if ! command -v dpkg-query >/dev/null; then
  echo "This is no Debian: install the counterparts of $list yourself. Going on as if they were there." >&2
  exit 0
fi

wanted=$(awk -v groups=" $* " '
  /^\[.*\]$/ { wanted = index(groups, " " substr($0, 2, length($0) - 2) " "); next }
  wanted && NF && $1 !~ /^#/ { print $1 }' "$list" | sort -u)
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | sed -n 's/^installed //p')
missing=$(printf '%s\n' "$wanted" | grep -vxF "${installed:-none}" || true)
[ -n "$missing" ] || exit 0

echo "Installing from Debian:" $missing
as_root=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Installing needs root, and there is no sudo here. As root: apt-get install --no-install-recommends" $missing >&2
    exit 1
  fi
  as_root="sudo DEBIAN_FRONTEND=noninteractive"
fi
export DEBIAN_FRONTEND=noninteractive
apt="$as_root apt-get -qq -y -o Dpkg::Use-Pty=0 -o APT::Install-Recommends=false -o Acquire::Retries=3"
# A machine may have other sources that cannot be reached; whether that matters shows when the packages are asked for.
$apt update || echo "apt-get update complained; trying with the lists that are there." >&2
# No service is started by what is installed: invoke-rc.d(8) asks this file.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '$as_root rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  $as_root chmod 755 "$policy"
fi
$apt install $missing </dev/null >/dev/null
