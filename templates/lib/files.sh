# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# Writing below a root file system that may be anybody's: a link in it must not lead out of it. No process of the container
# runs while a template does, so looking first and writing then is no race.

# rooted PATH: sets at to where PATH (as the container sees it) is on the host, whatever links its directories are. The last
# part is not followed. Dies on more links than a kernel follows.
rooted() {
  rooted_left=$1 rooted_done='' rooted_links=0
  while [ -n "$rooted_left" ]; do
    rooted_part=${rooted_left%%/*}
    case $rooted_left in */*) rooted_left=${rooted_left#*/} ;; *) rooted_left='' ;; esac
    case $rooted_part in
      '' | .) continue ;;
      ..) rooted_done=${rooted_done%/*}; continue ;;
    esac
    if [ -n "$rooted_left" ] && [ -L "$root_of_files$rooted_done/$rooted_part" ]; then
      rooted_links=$((rooted_links + 1))
      [ "$rooted_links" -le 40 ] || die "cannot use '$1' of the container: too many links"
      rooted_target=$(readlink -- "$root_of_files$rooted_done/$rooted_part")
      case $rooted_target in /*) rooted_done='' ;; esac
      rooted_left=$rooted_target/$rooted_left
    else
      rooted_done=$rooted_done/$rooted_part
    fi
  done
  at=$root_of_files$rooted_done
}

# files_of DIR: what the functions below write to from now on: the tree that is built, or the container's.
files_of() {
  root_of_files=${1%/}
}

# make_dir PATH [MODE]: with its parents, in the container. An existing one keeps its mode.
make_dir() {
  rooted "$1/."
  make_dir_at=$at
  [ -d "$make_dir_at" ] || {
    mkdir -p -- "$make_dir_at" || die "cannot make '$make_dir_at'"
    chmod "${2:-755}" "$make_dir_at"
  }
}

# write MODE PATH < TEXT: a regular file, instead of whatever is there.
write() {
  case $2 in */*) make_dir "${2%/*}" ;; esac
  rooted "$2"
  rm -f -- "$at" || die "cannot write '$at'"
  # noclobber: O_EXCL, and so through no link.
  (umask 077; set -C; cat >"$at") || die "cannot write '$at'"
  chmod "$1" "$at"
}

# link TARGET PATH: a symbolic link, instead of whatever is there.
link() {
  case $2 in */*) make_dir "${2%/*}" ;; esac
  rooted "$2"
  rm -f -- "$at" || die "cannot remove '$at'"
  ln -s -- "$1" "$at" || die "cannot make the link '$at'"
}

# remove PATH...: files or links, as names of the container
remove() {
  for remove_path in "$@"; do
    rooted "$remove_path"
    rm -f -- "$at" || die "cannot remove '$at'"
  done
}

# has PATH: it exists in the container (a link counts, wherever it leads)
has() {
  rooted "$1"
  [ -e "$at" ] || [ -L "$at" ]
}

# read_file PATH: prints a regular file of the container. 1: there is none.
read_file() {
  rooted "$1"
  [ -f "$at" ] && [ ! -L "$at" ] && cat -- "$at"
}

# edit PATH MODE COMMAND...: the file's text through a filter; nothing when there is no such file.
edit() {
  edit_path=$1 edit_mode=$2
  shift 2
  rooted "$edit_path"
  [ -f "$at" ] && [ ! -L "$at" ] || return 0
  need_scratch
  "$@" <"$at" >"$scratch/edit" || die "cannot edit '$at'"
  write "$edit_mode" "$edit_path" <"$scratch/edit"
}

# render_file MODE PATH NAME [KEY=VALUE...]: files/NAME.hbs beside the template, rendered. A value has no line break.
render_file() {
  render_mode=$1 render_path=$2 render_name=$3
  shift 3
  [ -x "$tlxc_program" ] || die "'$tlxc_program', which renders files, is not there; install tlxc again"
  need_scratch
  "$tlxc_program" __render "$template_dir/files/$render_name.hbs" "$@" >"$scratch/rendered" || die "cannot render '$render_name'"
  write "$render_mode" "$render_path" <"$scratch/rendered"
}
