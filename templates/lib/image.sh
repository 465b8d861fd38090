# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# What the templates share that take a finished image instead of installing packages. Sourced after lib.sh by those alone. An image is
# not trusted: its text is read, and its files are written, by the helper in TypeScript, which follows no link out of the image.

helper() {
  [ -x "$tlxc_program" ] || die "cannot run '$tlxc_program': templates work from where tlxc is installed; install tlxc again"
  "$tlxc_program" __image-helper "$@"
}

# user: the container has ids of its own. The words are LXC's, in names of files. mode: what tlxc-template says, who has no container.
mode=''
image_mode() {
  case $mode in user | system) printf '%s\n' "$mode"; return ;; esac
  if [ -n "$path" ] && grep -q '^lxc\.idmap[ \t]*=' "$path/config" 2>/dev/null; then echo user; else echo system; fi
}

# unpack_archive FILE DIR [TAR-OPTION...]: GNU tar refuses names with "..", and makes links last, so none of them is written through.
# trusted.* stays away: marks of overlayfs in an image would change what a stack of layers shows. src/template/unpack.ts has the same list.
unpack_archive() {
  unpack_file=$1 unpack_to=$2
  shift 2
  tar --extract --file "$unpack_file" --directory "$unpack_to" --preserve-permissions --same-owner --numeric-owner --acls --xattrs \
    --xattrs-include=security.capability --xattrs-include='user.*' --xattrs-exclude='user.overlay.*' "$@"
}

# unpack_meta FILE DIR
unpack_meta() {
  mkdir -p "$2" && unpack_archive "$1" "$2" --no-same-owner
}

# unpack_rootfs FILE META DIR [TAR-OPTION...]: leaves out what the metadata excludes. 1: tar has said why.
unpack_rootfs() {
  unpack_archive_file=$1 unpack_root=$3
  need_scratch
  helper meta-file excludes --meta "$2" --mode "$(image_mode)" >"$scratch/excludes.in" || exit 1
  sed -n 's|^/*\(..*\)$|./\1|p' "$scratch/excludes.in" >"$scratch/excludes"
  shift 3
  progress 'Unpacking the root file system ...'
  unpack_archive "$unpack_archive_file" "$unpack_root" --anchored --exclude-from="$scratch/excludes" "$@" || return 1
  # Ids are mapped when the root file system is mounted: a node that an image brings along would open a device of this machine.
  [ "$(image_mode)" = system ] || find "$unpack_root" -xdev \( -type b -o -type c \) -exec rm -f -- {} +
}

# set_up META ARCH DIST: the configuration, and the container's name inside.
set_up() {
  helper setup --meta "$1" --arch "$2" --dist "$3" --container "$name" --path "$path" --rootfs "$rootfs" || exit 1
}

# Between the two calls of a template that gives a layer (lib.sh), what the first one found out is kept in the container's directory.
keep_note() {
  (umask 077 && mkdir -p "$path/image.note") || die "cannot write to '$path'"
  cat >"$path/image.note/$1" || die "cannot write to '$path'"
}

read_note() {
  cat -- "$path/image.note/$1" || die "the note '$path/image.note/$1' is not there; create the container again"
}

drop_notes() {
  rm -rf -- "$path/image.note"
}
