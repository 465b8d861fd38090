#!/bin/sh
# `npm run quickstart` (root): from a fresh clone to a running container with a network. Needs Node.js, npm and apt-get;
# installs the rest. Running it again is harmless: what is there already is kept.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root"
name=${QUICKSTART_NAME:-hello}
prefix=${PREFIX:-/usr/local}

say() { echo "==> $*"; }
fail() {
  echo "quickstart: $*" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail 'needs root: containers, bridges and /usr/local are its business (run: sudo npm run quickstart)'

say 'Installing what is missing (Debian packages, npm packages)'
sh src/dev/setup.sh build run
say 'Building the executable and the native part'
npm run -s build
say "Installing below $prefix"
npm run -s install:system
PATH=$prefix/bin:$PATH
export PATH

if [ "$(tlxc-info -n "$name" -sH 2>/dev/null)" = RUNNING ]; then
  say "Container $name is running already"
elif tlxc-ls -1 | grep -qx "$name"; then
  say "Starting container $name"
  tlxc-start -n "$name"
else
  say "Creating container $name from the busybox template"
  tlxc-create -q -n "$name" -t busybox
  say "Starting it"
  tlxc-start -n "$name"
fi

# The address comes by DHCP a moment after the start; ask inside, for ten seconds at most.
# shellcheck disable=SC2016 # expanded by the container's shell
tlxc-attach -n "$name" -- sh -c 'i=0; while [ $i -lt 50 ]; do ip -4 addr show eth0 | grep -q inet && exit 0; i=$((i+1)); sleep 0.2; done; exit 1' ||
  say 'No address yet: see tlxc-net status'
tlxc-info -n "$name"
echo
tlxc-ls -f
cat <<EOF

Try next:
  tlxc-console -n $name -t 0      # log in as root; leave with Ctrl-a q
  tlxc-attach -n $name            # a shell inside, no password
  tlxc-create -n deb -t debian && tlxc-start -n deb
  tlxc-stop -n $name              # clean shutdown; tlxc-start brings it back
  tlxc-destroy -f -n $name        # remove it
EOF
