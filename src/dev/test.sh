#!/bin/sh
# `npm test`: all set-up, then native, unit and end-to-end tests; the last line is "N passed, M failed, K skipped".
# End-to-end tests need root; without it they are skipped and counted. TLXC_MUST_WORK=1 turns a skip into a failure.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root" || exit 1
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

parts='build'
[ "$(id -u)" = 0 ] && parts='build run test'
# shellcheck disable=SC2086
sh src/dev/setup.sh $parts || exit 1
npm run -s build || exit 1

make -s -C native tests || exit 1
sh src/dev/native-tests.sh build/native >"$results/native.tap" 2>&1
echo $? >"$results/native.code"
grep -v '^ok' "$results/native.tap"

npx vitest run --project unit --reporter=default --reporter=json --outputFile.json="$results/unit.json" || true
if [ "$(id -u)" = 0 ]; then
  npx vitest run --project e2e --reporter=default --reporter=json --outputFile.json="$results/e2e.json" || true
else
  echo 'end-to-end tests skipped: they start real containers and need root' >&2
fi
sh src/dev/bun.sh src/dev/count-tests.ts "$results"
