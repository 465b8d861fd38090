#!/bin/sh
# `npm run bench [-- REGULAR-EXPRESSION]` (root): tlxc beside real LXC in one run, medians and ratios. Installs LXC for the comparison.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root"
[ "$(id -u)" = 0 ] || {
  echo 'bench: needs root' >&2
  exit 1
}
sh src/dev/setup.sh build run test
command -v lxc-start >/dev/null || apt-get install -y -qq --no-install-recommends lxc >/dev/null
npm run -s build
exec sh src/dev/bun.sh test/bench/bench.ts "$@"
