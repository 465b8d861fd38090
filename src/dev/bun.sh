#!/bin/sh
# Runs a TypeScript file with the Bun binary of the platform package: `npm ci` runs no install scripts, so the
# `bun` shim in node_modules/.bin may be missing.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
case "$(uname -m)" in
  aarch64) arch=aarch64 ;;
  *) arch=x64 ;;
esac
for candidate in "$root/node_modules/@oven/bun-linux-$arch/bin/bun" "$root/node_modules/@oven/bun-linux-$arch-baseline/bin/bun" "$root/node_modules/.bin/bun"; do
  if [ -x "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then
    exec "$candidate" "$@"
  fi
done
echo "bun.sh: no usable Bun binary under node_modules; run npm ci first" >&2
exit 1
