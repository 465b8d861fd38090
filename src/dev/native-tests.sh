#!/bin/sh
# Runs every native TAP program of a build directory; exit 1 when one fails.
set -u
build=$(CDPATH='' cd -- "$1" && pwd)
# The programs find their fixtures from here.
cd "$(dirname -- "$0")/../../native" || exit 1
code=0
for program in "$build"/test-*; do
  [ -x "$program" ] || continue
  echo "# $(basename "$program")"
  "$program" || {
    echo "not ok - $(basename "$program") ended with status $?"
    code=1
  }
done
exit $code
