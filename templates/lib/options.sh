# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# Messages, options, the end of a template, and the container's configuration file.

path='' name='' rootfs=''
newline='
'
# Directories that go when the template ends, and mounts below them: see at_exit.
scratch='' build_area=''

die() {
  printf '%s: %s\n' "$program" "$*" >&2
  exit 1
}

warn() {
  printf '%s: %s\n' "$program" "$*" >&2
}

# Progress is for people: on a terminal only.
progress() {
  if [ -t 1 ]; then printf '%s\n' "$*"; fi
}

# Nothing half-made stays, however it ends; kill -9 is seen to by the next one (sweep_cache).
at_exit() {
  at_exit_status=$?
  trap - EXIT INT TERM HUP
  leave_build_area || true
  if [ -n "$scratch" ]; then rm -rf --one-file-system -- "$scratch"; fi
  exit "$at_exit_status"
}
trap at_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# need_scratch: sets scratch to a directory that only root reads and that goes with the template.
need_scratch() {
  [ -n "$scratch" ] || scratch=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/tlxc-template.XXXXXX") || die 'cannot make a temporary directory'
}

# require PROGRAM PACKAGE: dies with the mend when the program is not there.
require() {
  command -v "$1" >/dev/null || die "$1 is not installed; install the package $2"
}

# next_option ARG...: splits "--key=value" or "--key value". Sets option and value, and shift_by to what was used up.
# The second argument counts as a value only if the option takes one (takes_value).
next_option() {
  option=$1 value='' shift_by=1
  case $1 in
    --*=*)
      option=${1%%=*} value=${1#*=}
      # "--flush-cache=no" must not be taken for --flush-cache.
      takes_value "$option" || die "option $option takes no value"
      ;;
    *)
      if takes_value "$1"; then
        [ $# -ge 2 ] || die "option $1 needs a value"
        value=$2 shift_by=2
      fi
      ;;
  esac
}

# end_without_container WHAT: of a run that is about something else. With a directory for one it is tlxc-create that called, and success
# would be a container with nothing in it.
end_without_container() {
  [ -z "$path" ] || die "$1; no container was made"
  exit 0
}

# Which options the template has beside those of the contract: words SET, each with two functions, SET_takes_value OPTION and
# SET_option OPTION VALUE. Status 0: it takes a value; it is one of the set.
option_sets=''

# parse_options ARG...: of the template's command line; usage prints its help.
parse_options() {
  while [ $# -gt 0 ]; do
    next_option "$@"
    case $option in
      -h | --help) usage; end_without_container 'this was only the help' ;;
      --) return 0 ;;
    esac
    take_option || die "unknown option '$1' (see --help)"
    shift "$shift_by"
  done
}

take_option() {
  for option_set in $option_sets common; do
    if "${option_set}_option" "$option" "$value"; then return 0; fi
  done
  return 1
}

takes_value() {
  for option_set in $option_sets common; do
    if "${option_set}_takes_value" "$1"; then return 0; fi
  done
  return 1
}

# The options of the contract.
common_option() {
  case $1 in
    -p | --path) path=$2 ;;
    -n | --name) name=$2 ;;
    --rootfs) rootfs=$2 ;;
    --mapped-uid | --mapped-gid) die "option $1: this template runs as the host's root; tlxc maps ids when it mounts" ;;
    *) return 1 ;;
  esac
}

common_takes_value() {
  case $1 in
    -p | --path | -n | --name | --rootfs | --mapped-uid | --mapped-gid) return 0 ;;
    *) return 1 ;;
  esac
}

common_usage() {
  cat <<'USAGE'
Of the contract, given by tlxc-create:
  -n, --name=NAME   -p, --path=DIR   --rootfs=DIR
USAGE
}

# absolute FILE|URL: prints it so that it is the same wherever it is read. '': nothing.
absolute() {
  case $1 in
    '' | /* | *://*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$PWD/$1" ;;
  esac
}

check_root() {
  [ "$(id -u)" = 0 ] || die 'must be run as root'
}

# After the options: what the contract promises is there.
check_common() {
  check_root
  [ -n "$name" ] || die 'no container name: give --name=NAME'
  [ -n "$path" ] || die 'no container directory: give --path=DIR'
  [ -d "$path" ] || die "the container directory '$path' does not exist"
  config=$path/config
  [ -n "$rootfs" ] || rootfs=$(sed -n 's/^lxc\.rootfs\.path[ \t]*=[ \t]*\(dir:\)\{0,1\}//p' "$config" 2>/dev/null | tail -n 1)
  [ -n "$rootfs" ] || rootfs=$path/rootfs
  mkdir -p "$rootfs" || die "cannot make '$rootfs'"
  files_of "$rootfs"
}

# append_config < LINES: adds to the container's configuration, with the root file system if nobody set it.
append_config() {
  if ! grep -q '^lxc\.rootfs\.path[ \t]*=' "$config" 2>/dev/null; then
    printf 'lxc.rootfs.path = dir:%s\n' "$rootfs" >>"$config" || die "cannot write '$config'"
  fi
  cat >>"$config" || die "cannot write '$config'"
}

# machine_arch STYLE: this machine's architecture as "debian" (amd64), or "kernel" (x86_64) names it.
machine_arch() {
  case $1:$(uname -m) in
    debian:x86_64) echo amd64 ;;
    debian:aarch64) echo arm64 ;;
    debian:armv7l) echo armhf ;;
    debian:ppc64le) echo ppc64el ;;
    debian:i?86) echo i386 ;;
    *) uname -m ;;
  esac
}

