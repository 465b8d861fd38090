# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# The cache: CACHE/TEMPLATE/KEY/ is a finished entry, for root only, since it holds set-uid files and becomes containers.
#   KEY/rootfs/   the tree, immutable from now on     KEY/id   random; another build of KEY has another
#   KEY/origin    "name=value" lines: source, created (seconds since 1970), what
#   .lock.KEY     flock(2): exclusive while KEY is built, replaced or removed, shared while somebody copies from it
#   .lock.KEY~new held by who builds beside a KEY that is there, which others go on copying from
#   work.KEY.*    being built; whoever gets the lock removes what was left of a killed one
#   trash.KEY.*   being removed; the same
# An entry is built beside its place, is on the disk before it gets its name by one rename, and is never changed after; it loses its
# name by one rename, too, before anything of it is removed: what has the name is whole (src/template/cache.ts keeps to that).

# open_cache TEMPLATE: sets cache
open_cache() {
  cache=${TLXC_CACHE_DIR:-/var/cache/tlxc}/$1
  (umask 077 && mkdir -p -- "$cache") || die "cannot make the cache '$cache'"
  # Somebody else's directory could become anything under our hands.
  { [ ! -L "$cache" ] && [ -O "$cache" ]; } || die "the cache '$cache' is not a directory of root; remove it"
  chmod 700 "$cache"
  sweep_cache
}

# sweep_cache: removes what killed builds left in $cache. sweep_wait: seconds to wait for a lock.
sweep_wait=0
sweep_cache() {
  for sweep_left in "$cache"/work.* "$cache"/trash.*; do
    [ -d "$sweep_left" ] || continue
    sweep_key=${sweep_left##*/} sweep_key=${sweep_key#*.} sweep_key=${sweep_key%.*}
    # In a subshell: the lock goes with its descriptor.
    (
      flock -w "$sweep_wait" 8 || exit 0
      # What cannot be removed is in nobody's way.
      remove_tree "$sweep_left" || warn "'$sweep_left' stays; remove it by hand"
    ) 8>>"$cache/.lock.$sweep_key"
  done
}

# A build that was killed may have had mounts below it, if it ran without a mount namespace of its own.
remove_tree() {
  [ -d "$1" ] || return 0
  awk -v top="$1/" 'index($5, top) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r remove_mount; do
    umount -l -- "$(printf '%b' "$remove_mount")" 2>/dev/null || true
  done
  rm -rf --one-file-system -- "$1"
}

# is_finished ENTRY: an id is the last that an entry gets, and nothing without one may become a container.
is_finished() {
  [ -f "$1/id" ]
}

# take_away NAME: $cache/NAME loses its name; sets taken to where it is now, for the caller to remove. Under the lock of NAME.
take_away() {
  taken=$(umask 077 && mktemp -d "$cache/trash.$1.XXXXXX") || die "cannot write to the cache '$cache'"
  mv -- "$cache/$1" "$taken/" || { rmdir -- "$taken"; die "cannot remove '$cache/$1'"; }
}

# discard NAME: the same, and it is removed.
discard() {
  [ -d "$cache/$1" ] || return 0
  take_away "$1"
  remove_tree "$taken"
}

# cache_entry KEY BUILDER [ARG...]: sets entry to the directory of KEY, locked against removal until the template ends. What is
# missing is built: BUILDER (a function, under set -e) gets $work, the entry to be, and $build, an empty directory that becomes
# its rootfs. With flush=yes it is built although it is there; a failure leaves the old one.
# Of two that want the same thing, one builds and the other waits.
cache_entry() {
  name_entry "$1"
  shift
  exec 9>>"$cache/.lock.$entry_key"
  if ! is_finished "$entry"; then
    flock -n 9 || { progress 'Waiting for another create that makes the same ...'; flock 9; }
    # Who waited has it.
    if ! is_finished "$entry"; then
      discard "$entry_key"
      build_entry "$entry_key" "$@"
      mv -T -- "$work" "$entry" || die "cannot rename '$work'"
      work=''
    fi
  elif [ "${flush:-no}" = yes ]; then
    renew_entry "$@"
  fi
  flock -s 9
  is_finished "$entry" || die "the cache entry '$entry' was removed by another command; try again"
  # Nobody copies from it any more.
  if [ -n "$entry_old" ]; then remove_tree "$entry_old"; fi
}

# name_entry KEY: sets entry_key and entry
name_entry() {
  entry_key=$1 entry=$cache/$1 entry_old=''
  case $entry_key in *[!a-zA-Z0-9._+-]* | '' | .* | work.* | trash.*) die "'$entry_key' is no key of a cache" ;; esac
}

# renew_entry BUILDER [ARG...]: beside the old one, which is in use meanwhile, and then in its place.
renew_entry() {
  exec 8>>"$cache/.lock.$entry_key~new"
  if flock -n 8; then
    build_entry "$entry_key~new" "$@"
    # Now those that copy from the old one are waited for.
    flock 9
    if [ -d "$entry" ]; then
      take_away "$entry_key"
      entry_old=$taken
    fi
    mv -T -- "$work" "$entry" || {
      [ -z "$entry_old" ] || mv -- "$entry_old/$entry_key" "$entry"
      die "cannot rename '$work'"
    }
    work=''
  else
    # Who waited for a fresh one has it.
    progress 'Waiting for another one that makes the same ...'
    flock 8
  fi
  exec 8>&-
}

# build_entry LOCKED BUILDER [ARG...]: makes $work; LOCKED says which lock its caller holds, for the sweep of a killed one.
build_entry() {
  work=$(umask 077 && mktemp -d "$cache/work.$1.XXXXXX") || die "cannot write to the cache '$cache'"
  shift
  enter_build_area
  # Not "|| die": that would switch off set -e in it, and a step that failed unseen would get into the cache.
  "$@"
  finish_build_area
  printf '%s\n' "$(od -An -N6 -tx1 /dev/urandom | tr -d ' ')" >"$work/id" || die "cannot write '$work/id'"
  if [ -n "$entry_arguments" ]; then printf '%s\n' "$entry_arguments" | sed 's/^/argument=/' >>"$work/origin"; fi
  printf 'created=%s\n' "$(date +%s)" >>"$work/origin" || die "cannot write '$work/origin'"
  # On the disk before it has its name: after a power cut there is no entry, or all of it.
  sync -f "$work" || die "cannot write the cache '$cache' to the disk"
}

# Lines: the options with which the template makes the entry again. They are noted down with it.
entry_arguments=''

# refresh_entry KEY HAS_NEWER BUILDER [ARG...]: what --refresh-cache is about, which tlxc-template gives with the entry's arguments.
# Builds KEY when it is not there, or when HAS_NEWER (a function; $entry is what there is) says by status 0 that the source has
# something newer.
refresh_entry() {
  name_entry "$1"
  refresh_newer=$2
  shift 2
  flush=no
  if is_finished "$entry"; then
    # Nobody removes what is looked at.
    exec 9>>"$cache/.lock.$entry_key"
    flock -s 9
    if $refresh_newer; then flush=yes; else progress "$entry_key is up to date."; fi
  fi
  cache_entry "$entry_key" "$@"
  drop_superseded
}

# What an older version of this template made with the same options: its key is another, and no create asks for it any more.
drop_superseded() {
  superseded_by=$(sed -n '/^argument=/p' "$entry/origin")
  for superseded in "$cache"/*; do
    # No entries: others build them.
    case ${superseded##*/} in work.* | trash.*) continue ;; esac
    if [ ! -f "$superseded/origin" ] || [ "$superseded" = "$entry" ]; then continue; fi
    if [ "$(sed -n '/^argument=/p' "$superseded/origin")" = "$superseded_by" ]; then drop_entry "${superseded##*/}"; fi
  done
}

# drop_entry KEY: one that a create still copies from goes the next time.
drop_entry() {
  (flock -n 6 && discard "$1") 6>>"$cache/.lock.$1" || true
}

# recipe WORD...: 8 hex digits of what makes a difference to an entry: the words, and the template itself with all that it uses,
# so that a newer tlxc does not go on with what an older one made.
recipe() {
  { printf '%s\n' "$@"; cat "$0" "$library_dir"/lib/*.sh "$library_dir"/files/*.hbs; } | sha1sum | cut -c 1-8
}

# origin NAME VALUE: for people, into the entry that is built
origin() {
  printf '%s=%s\n' "$1" "$2" >>"$work/origin"
}

# clean_cache: the whole cache of this template goes; what others build or copy from is waited for.
clean_cache() {
  # First who builds beside an entry: it would come back.
  for clean_lock in "$cache"/.lock.*~new "$cache"/.lock.*; do
    [ -e "$clean_lock" ] || continue
    (flock 8 && discard "${clean_lock##*/.lock.}") 8>>"$clean_lock"
  done
  sweep_cache
}

# provide_rootfs KEY BUILDER [ARG...]: the root file system of KEY is in $rootfs; or, when tlxc-create asked for it, becomes a
# layer: then the template ends here, and is called again (see lib.sh).
provide_rootfs() {
  case ${TLXC_LAYER_STAGE:-} in
    customise) return 0 ;;
    '') ;;
    *) die "this template knows no stage '$TLXC_LAYER_STAGE'; install tlxc again" ;;
  esac
  cache_entry "$@"
  if [ -n "${TLXC_LAYER_REQUEST:-}" ]; then
    printf '%s %s-%s\n%s\n%s\n' "$entry/rootfs" "$1" "$(cat "$entry/id")" "$cache/.lock.$entry_key" "$entry/id" >"$TLXC_LAYER_REQUEST" || die "cannot write '$TLXC_LAYER_REQUEST'"
    exit 0
  fi
  progress "Copying $1 from the cache ..."
  cp -a --reflink=auto -- "$entry/rootfs/." "$rootfs/" || die "cannot copy '$entry/rootfs' to '$rootfs'"
  exec 9>&-
  files_of "$rootfs"
}
