#!/bin/sh
# npm run uninstall:system: removes what install-system.sh put below PREFIX (and DESTDIR): what its manifest lists,
# configuration that nobody changed, the managed bridge, and root's ids for containers once no container needs them.
# Containers stay; while one runs, everything does.
set -eu
prefix=${PREFIX:-/usr/local}
destdir=${DESTDIR:-}
lib=$destdir$prefix/lib/tlxc

say() { echo "uninstall: $*"; }

[ -f "$lib/manifest" ] || {
  say "nothing of tlxc below $destdir$prefix"
  exit 0
}
if [ -z "$destdir" ]; then
  running=$("$prefix/bin/tlxc-ls" -1 --running | tr '\n' ' ')
  [ -z "$running" ] || {
    echo "uninstall: containers are running: $running(stop them first: tlxc-autostart -a -A -s)" >&2
    exit 1
  }
  "$prefix/bin/tlxc-net" stop
  if [ -z "$("$prefix/bin/tlxc-ls" -1)" ] && [ -f "$lib/allotted" ]; then
    # usermod --del-subuids refuses while a process of root lives, that is always.
    while read -r file line; do sed -i "\\|^$line\$|d" "$file"; done <"$lib/allotted"
    rm -f "$lib/allotted" /var/lib/tlxc/.lxcpaths
    rm -rf /run/tlxc
  fi
fi
count=0
while read -r path; do
  rm -f -- "$destdir$path"
  count=$((count + 1))
done <"$lib/manifest"
while read -r sum path; do
  rm -f -- "$destdir$path.new"
  [ -f "$destdir$path" ] || continue
  if [ "$(sha256sum <"$destdir$path" | cut -d ' ' -f 1)" = "$sum" ]; then
    rm -f -- "$destdir$path"
  else
    say "keeping $path: it was changed here"
  fi
done <"$lib/conffiles"

# Directories that only we fill; those that others share (bin, share/man) stay.
directories=$(sed 's|/[^/]*$||' "$lib/manifest" | sort -ru)
rm -f "$lib/conffiles" "$lib/manifest" "$lib/allotted"
printf '%s\n' "$directories" "$prefix/lib/tlxc/rootfs" /etc/tlxc | while read -r dir; do
  while [ "${dir%/tlxc}" != "$dir" ] || [ "${dir#*/tlxc/}" != "$dir" ]; do
    rmdir --ignore-fail-on-non-empty "$destdir$dir" 2>/dev/null || true
    dir=${dir%/*}
  done
done
if [ -z "$destdir" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
say "removed $count files below $destdir$prefix"
for dir in /var/lib/tlxc /var/cache/tlxc; do
  rmdir --ignore-fail-on-non-empty "$destdir$dir" 2>/dev/null || true
  [ ! -d "$destdir$dir" ] || say "containers and their files stay in $destdir$dir; rm -r removes them"
done
