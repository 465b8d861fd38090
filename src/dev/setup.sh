#!/bin/sh
# Installs what is missing, and only that: setup.sh [build] [run] [test]. Debian packages by apt-get (as root), npm
# packages by `npm ci`. Says what it does; one clear line when something cannot be had. Running it again is harmless.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root"

build_packages='gcc make libc6-dev libjansson-dev libseccomp-dev libcap-dev'
run_packages='busybox-static mmdebstrap dnsmasq-base nftables iproute2 util-linux tar zstd xz-utils curl gpgv attr'
# lxc-templates: the unmodified scripts that the template contract is tested with. clang: second compiler, fuzzers.
# skopeo, docker-registry, gnupg: images for the template oci, signatures for the template download; skopeo is needed in use for registries alone.
# lxc: what the parity test compares with; nothing else needs it.
# dnf, zypper, rpm, createrepo-c, gnupg: a repository of the RPM family, and what installs from it.
# sqlite3: the database that snapshots of a running container must not harm.
# sqlite3, libcap2-bin: a database under snapshots; capabilities of files in shared layers.
test_packages='pacman-package-manager gpg gpgv openssl curl wget lxc acl attr e2fsprogs xfsprogs btrfs-progs shellcheck clang libclang-rt-14-dev lxc-templates debootstrap rsync bsdutils mandoc skopeo docker-registry gnupg dnf zypper rpm createrepo-c sqlite3 libcap2-bin'

fail() {
  echo "setup: $1" >&2
  exit 1
}

missing_packages() {
  for package in "$@"; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = 'install ok installed' ] || printf '%s ' "$package"
  done
}

install_packages() {
  # Word splitting is wanted: lists of names.
  # shellcheck disable=SC2086
  missing=$(missing_packages $1)
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || fail "needs these packages, and there is no apt-get to install them: $missing"
  [ "$(id -u)" = 0 ] || fail "needs root to install: $missing(run: sudo apt-get install $missing)"
  echo "setup: installing $missing" >&2
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  # shellcheck disable=SC2086
  if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    rm -f "$log"
    fail "apt-get could not install: $missing"
  fi
  rm -f "$log"
}

node_packages() {
  command -v node >/dev/null || fail 'needs Node.js 20.19 or newer'
  node -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>20||(a===20&&b>=19)?0:1)' ||
    fail "needs Node.js 20.19 or newer, this is $(node --version)"
  stamp=node_modules/.tlxc-lock
  if ! cmp -s package-lock.json "$stamp"; then
    echo 'setup: npm ci' >&2
    npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >&2 || fail 'npm ci failed: see above'
    cp package-lock.json "$stamp"
  fi
}

for part in "$@"; do
  case "$part" in
    build) install_packages "$build_packages" ;;
    run) install_packages "$run_packages" ;;
    test) install_packages "$test_packages" ;;
    *) fail "unknown part: $part" ;;
  esac
done
node_packages
