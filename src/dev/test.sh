#!/bin/sh
# `npm test`: all set-up, then native, unit and end-to-end tests; the last line is "N passed, M failed, K skipped".
# End-to-end tests need root; without it they are skipped and counted. TLXC_MUST_WORK=1 turns a skip into a failure.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root" || exit 1
results=$(mktemp -d)
templates=''
# A shell without job control has what runs in the background ignore Ctrl-C.
stop() {
  [ -z "$templates" ] || { kill -INT "$templates" && wait "$templates"; } 2>/dev/null
  rm -rf "$results"
}
trap stop EXIT
trap 'exit 130' INT TERM

# e2e LANE [PREFIX...]
e2e() {
  TLXC_TEST_LANE=$1
  export TLXC_TEST_LANE
  shift
  exec "$@" node_modules/.bin/vitest run --project e2e --reporter=default --reporter=json --outputFile.json="$results/e2e-$TLXC_TEST_LANE.json"
}

parts='build'
[ "$(id -u)" = 0 ] && parts='build run test'
# shellcheck disable=SC2086
sh src/dev/setup.sh $parts || exit 1
npm run -s build || exit 1

make -s -C native tests || exit 1
sh src/dev/native-tests.sh build/native >"$results/native.tap" 2>&1
grep -v '^ok' "$results/native.tap"

npx vitest run --project unit --reporter=default --reporter=json --outputFile.json="$results/unit.json" || true
if [ "$(id -u)" = 0 ]; then
  # Two at once, on two cores: see vitest.config.ts.
  # With mounts of its own: what runs there for long must not hold copies of the views that the others mount and unmount.
  e2e templates unshare --mount --propagation private >"$results/templates.log" 2>&1 &
  templates=$!
  (e2e rest)
  wait "$templates"
  templates=''
  cat "$results/templates.log"
else
  echo 'end-to-end tests skipped: they start real containers and need root' >&2
fi
sh src/dev/bun.sh src/dev/count-tests.ts "$results"
