#!/bin/sh
# Removes what a killed template left in the caches. Called by tlxc-create after a create that failed.
set -eu
# shellcheck source-path=SCRIPTDIR/.. source=lib.sh
. "$(dirname -- "$0")/../lib.sh"

for cache in "${TLXC_CACHE_DIR:-/var/cache/tlxc}"/*; do
  if [ -d "$cache" ] && [ ! -L "$cache" ] && [ -O "$cache" ]; then
    # The last processes of the killed one may just be going.
    sweep_wait=1
    sweep_cache
  fi
done
