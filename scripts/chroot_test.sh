#!/bin/bash
# Proves the two commands on a bare Debian 12: makes a fresh root with debootstrap, puts a clean clone of HEAD into it,
# runs `make run` and `make test` inside, and prints what setting up, building, running and testing took.
#
# usage: chroot_test.sh            as root, on Debian; needs debootstrap (scripts/packages.txt, group chroot)
#
#   WHORL_CHROOT_CACHE=DIR   keeps the bootstrapped root (one .tar) and downloaded packages here between runs; the root made from it is
#                            still fresh. Without it nothing is kept.
#   WHORL_CHROOT_DIR=DIR     where the root is made; a temporary folder by default. Removed at the end.
#   WHORL_MIRROR=URL         the Debian mirror; by default the one in this machine's apt sources, else debootstrap's own.
set -euo pipefail

cd "$(dirname "$0")/.."
cache=${WHORL_CHROOT_CACHE:-}
root=$(mktemp -d "${WHORL_CHROOT_DIR:-${TMPDIR:-/tmp}}/whorl-chroot.XXXXXX")
log="$root.log"
times=""

unmount() {
  local mount
  for mount in var/cache/apt/archives dev/pts dev/shm dev sys proc; do
    mountpoint -q "$root/$mount" && umount "$root/$mount"
  done
  return 0
}

clean_up() {
  printf '\n==== times on %s cores, at %s\n%s' "$(nproc)" "$(git rev-parse --short HEAD)" "$times"
  rm -f "$log"
  unmount
  # Never delete through something that is still mounted.
  if grep -q " $root/" /proc/mounts; then
    echo "$root still has mounts; unmount them and remove it by hand" >&2
  else
    rm -rf --one-file-system "$root"
  fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# What this machine's own apt reads for bookworm: lines of "type url suite components", one suite each.
apt_sources() {
  apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null \
    | awk '$2 ~ /^bookworm/ && $3 == "main" && !seen[$0]++ { print "deb", $1, $2, $3 }'
}

bootstrap() {
  local mirror=${WHORL_MIRROR:-$(apt_sources | awk '$3 == "bookworm" { print $2; exit }')}
  local tarball="${cache:+$cache/bookworm-$(dpkg --print-architecture).tar}"
  if [ -n "$tarball" ] && [ -e "$tarball" ]; then
    tar -C "$root" -xf "$tarball"
  else
    # shellcheck disable=SC2086
    debootstrap --variant=minbase bookworm "$root" $mirror >"$log" 2>&1 || { tail -20 "$log"; exit 1; }
    [ -z "$tarball" ] || { mkdir -p "$cache"; tar -C "$root" -cf "$tarball.part" . && mv "$tarball.part" "$tarball"; }
  fi
  chmod 755 "$root"  # apt downloads as a user of its own
  local sources
  sources=$(apt_sources)
  [ -n "${WHORL_MIRROR:-}" ] || [ -z "$sources" ] || printf '%s\n' "$sources" >"$root/etc/apt/sources.list"
}

mount_system() {
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  mkdir -p "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  mknod -m 666 "$root/dev/null" c 1 3
  mknod -m 666 "$root/dev/zero" c 1 5
  mknod -m 666 "$root/dev/full" c 1 7
  mknod -m 666 "$root/dev/random" c 1 8
  mknod -m 666 "$root/dev/urandom" c 1 9
  mknod -m 666 "$root/dev/tty" c 5 0
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  if [ -n "$cache" ]; then
    mkdir -p "$cache/archives/partial" "$root/var/cache/apt/archives"
    mount --bind "$cache/archives" "$root/var/cache/apt/archives"
    # minbase deletes what it downloaded; with a cache it is kept.
    echo 'Binary::apt::APT::Keep-Downloaded-Packages "true"; APT::Keep-Downloaded-Packages "true";' >"$root/etc/apt/apt.conf.d/99keep"
  fi
}

inside() {
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
    chroot "$root" /bin/sh -c "$1" </dev/null
}

step() {
  local name=$1 start=$SECONDS status
  shift
  printf '\n==== %s\n' "$name"
  set +e
  (set -e; "$@")
  status=$?
  set -e
  times+=$(printf '%-46s %-6s %4d s' "$name" "$([ "$status" = 0 ] && echo done || echo FAILED)" $((SECONDS - start)))$'\n'
  [ "$status" = 0 ] || exit 1
}

step 'bare Debian 12 (debootstrap)' bootstrap
mount_system
step 'apt-get install make git ca-certificates' inside 'apt-get -qq update && apt-get -qq -y --no-install-recommends install make git ca-certificates >/dev/null'
git clone -q --no-hardlinks . "$root/srv/whorl"

step 'make run: packages, as it does itself' inside 'cd /srv/whorl && scripts/install_packages.sh run'
step 'make run: first, builds' inside 'cd /srv/whorl && make run'
step 'make run: second' inside 'cd /srv/whorl && make run'
step 'make test: packages, as it does itself' inside 'cd /srv/whorl && scripts/install_packages.sh run test'
step 'make test: builds and tests' inside 'cd /srv/whorl && make test'
step 'make test: second' inside 'cd /srv/whorl && make test'
