#!/bin/sh
# npm run install:system [-- --compat-links]: puts what was built below PREFIX (default /usr/local), in DESTDIR if given.
# What is installed is listed in PREFIX/lib/tlxc/manifest, for uninstall-system.sh and for the next installation.
# --compat-links: also lxc-* names for the programs, for scripts written for LXC.
set -eu
cd "$(dirname -- "$0")/../.."
# shellcheck source=src/dev/files.sh
. src/dev/files.sh
prefix=${PREFIX:-/usr/local}
destdir=${DESTDIR:-}
compat_links=''

say() { echo "install: $*"; }
fail() {
  echo "install: $*" >&2
  exit 1
}

for argument in "$@"; do
  case $argument in
    --compat-links) compat_links=yes ;;
    *) fail "unknown argument $argument (usage: install-system.sh [--compat-links], with PREFIX and DESTDIR in the environment)" ;;
  esac
done
case $prefix in /*) ;; *) fail "PREFIX must be absolute, not $prefix" ;; esac
sh src/dev/build.sh
built=build/prefix
lib=$destdir$prefix/lib/tlxc
mkdir -p "$lib" 2>/dev/null || fail "cannot write below $destdir$prefix: run as root, or choose PREFIX or DESTDIR"
manifest=$lib/manifest
conffiles=$lib/conffiles
listed=$(mktemp)
sums=$(mktemp)
trap 'rm -f "$listed" "$sums"' EXIT

# record PATH: as it will be on the machine, without DESTDIR
record() { echo "$1" >>"$listed"; }

install_file() {
  put "$1" "$destdir$2" "$3"
  record "$2"
}

install_filled() {
  fill "$1" "$destdir$2" "$(mode_of "$1")" "$prefix"
  record "$2"
}

# A link of another program's (a real LXC in the same PREFIX) is left alone.
install_link() {
  if [ -e "$destdir$2" ] || [ -L "$destdir$2" ]; then
    case $(readlink "$destdir$2" || true) in
      "$1" | ../lib/tlxc/tlxc | ../libexec/tlxc/quick) ;;
      *)
        say "keeping $2: it is not ours"
        return
        ;;
    esac
  fi
  mkdir -p "$(dirname "$destdir$2")"
  ln -sfn "$1" "$destdir$2"
  record "$2"
}

# LXC has no lxc-net program; its service script of that name must not be hidden.
is_lxc_name() { [ "$1" != tlxc ] && [ "$1" != tlxc-net ]; }

# Configuration that people edit: replaced while it is as we installed it, otherwise the new one is put beside it as FILE.new.
install_conffile() {
  new=$(mktemp)
  fill "$1" "$new" 644 "$prefix"
  target=$destdir$2
  ours=$(awk -v path="$2" '$2 == path { print $1 }' "$conffiles" 2>/dev/null || true)
  shipped=$(sum_of "$new")
  if [ ! -e "$target" ]; then
    # A file that was ours and was deleted on purpose stays deleted.
    if [ -z "$ours" ]; then put "$new" "$target" 644; fi
  elif [ "$(sum_of "$target")" = "$shipped" ]; then
    rm -f "$target.new"
  elif [ "$(sum_of "$target")" = "$ours" ]; then
    put "$new" "$target" 644
  elif [ "$ours" != "$shipped" ]; then
    put "$new" "$target.new" 644
    say "$2 was changed here: the new one is $2.new"
  fi
  echo "$shipped $2" >>"$sums"
  rm -f "$new"
}

sum_of() { sha256sum <"$1" | cut -d ' ' -f 1; }

# Ids for unprivileged containers: 1000 ranges of 65536, above SUB_UID_MAX of useradd and what systemd-nspawn takes (0x70000000),
# or after whatever else is there.
allot_ids() {
  if grep -q '^root:' /etc/subuid 2>/dev/null && grep -q '^root:' /etc/subgid 2>/dev/null; then return; fi
  count=65536000
  start=$(cat /etc/subuid /etc/subgid 2>/dev/null | awk -F: -v start=1879048192 '
    NF == 3 && $2 + $3 > start { start = $2 + $3 }
    END { printf "%.0f", int((start + 65535) / 65536) * 65536 }')
  if [ "$((start + count))" -gt 4294901760 ]; then
    say 'no free ids for root in /etc/subuid and /etc/subgid: allot some there, or containers will have to be privileged'
    return
  fi
  for file in /etc/subuid /etc/subgid; do
    grep -q '^root:' "$file" 2>/dev/null && continue
    case $file in */subuid) option=--add-subuids ;; *) option=--add-subgids ;; esac
    usermod "$option" "$start-$((start + count - 1))" root
    # For uninstall-system.sh: what was there before us is not ours to take away.
    echo "$file root:$start:$count" >>"$lib/allotted"
    say "allotted root the ids $start to $((start + count - 1)) for containers, in $file"
  done
}

for helper in $(helpers); do
  install_file "$built/libexec/tlxc/$helper" "$prefix/libexec/tlxc/$helper" 755
done
install_file "$built/lib/tlxc/tlxc" "$prefix/lib/tlxc/tlxc" 755
mkdir -p "$lib/rootfs"
for link in "$built"/bin/*; do
  name=${link##*/}
  target=$(readlink "$link")
  install_link "$target" "$prefix/bin/$name"
  if [ -n "$compat_links" ] && is_lxc_name "$name"; then install_link "$target" "$prefix/bin/lxc-${name#tlxc-}"; fi
  if [ "$name" != tlxc ]; then install_link tlxc "$prefix/share/bash-completion/completions/$name"; fi
done
while read -r source target; do
  install_filled "$source" "$prefix/$target"
done <<EOF
$(data_files)
EOF
for unit in etc/systemd/*.service; do
  install_filled "$unit" "$prefix/lib/systemd/system/${unit##*/}"
done
install_conffile etc/tlxc.conf /etc/tlxc/tlxc.conf
install_conffile etc/default.conf /etc/tlxc/default.conf
install_conffile etc/default/tlxc /etc/default/tlxc

# What an earlier version installed and this one does not have.
sort -u "$listed" >"$manifest.tmp.$$"
if [ -f "$manifest" ]; then
  comm -23 "$manifest" "$manifest.tmp.$$" | while read -r path; do rm -f -- "$destdir$path"; done
fi
mv -f "$manifest.tmp.$$" "$manifest"
put "$sums" "$conffiles" 644

# 0700 from the first mkdir: a container's set-uid files are set-uid on disk.
for dir in /var/lib/tlxc /var/cache/tlxc; do
  [ -d "$destdir$dir" ] || { mkdir -p "$(dirname "$destdir$dir")" && mkdir -m 700 "$destdir$dir"; }
done
if [ -z "$destdir" ] && [ "$(id -u)" = 0 ]; then
  allot_ids
  # Where systemd runs, it should know the units.
  if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
fi
say "installed $(wc -l <"$manifest") files below $destdir$prefix; programs are in $prefix/bin"
