# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# What templates share that install packages from a mirror into a tree of the cache: options, checks, and the order of things.
# Sourced by those alone. Such a template has option_sets='own package customise', calls parse_options, begin_packages, checks what it
# was given, and then:
#   open_cache NAME
#   entry_arguments=$(option_lines ...)      all options that make a difference to the tree
#   provide_packages KEY HAS_NEWER BUILDER   see refresh_entry and provide_rootfs of lib/cache.sh
#   customise; append_config <<...

arch='' mirror='' flush=no clean=no refresh=no

package_takes_value() {
  case $1 in
    -a | --arch | -m | --mirror) return 0 ;;
    *) return 1 ;;
  esac
}

package_option() {
  case $1 in
    -a | --arch) arch=$2 ;;
    -m | --mirror) mirror=$2 ;;
    -F | --flush-cache) flush=yes ;;
    --refresh-cache) refresh=yes ;;
    -c | --clean) clean=yes ;;
    *) return 1 ;;
  esac
}

# The end of the template's --help.
package_usage() {
  cat <<USAGE
  -F, --flush-cache         make it anew
  --refresh-cache           make it anew where the mirror has something newer, and make no container
  -c, --clean               remove the cache, and do nothing else
  -h, --help                this help

$(customise_usage)

$(common_usage)
USAGE
}

# begin_packages CACHE: after the options. --clean ends here.
begin_packages() {
  if [ $clean = yes ]; then
    open_cache "$1"
    clean_cache
    end_without_container 'removed the cache'
  fi
  if [ $refresh = yes ]; then
    check_root
    check_packages
  else
    check_common
    check_customise
  fi
}

# check_arch: it becomes part of names and addresses.
check_arch() {
  case $arch in *[!a-z0-9_]* | '') die "'$arch' is no name of an architecture" ;; esac
}

# check_mirror URL [SCHEME...]: it becomes a line of files. Without a scheme any will do that the package manager knows.
check_mirror() {
  check_url=$1
  shift
  case $check_url in *[[:space:][:cntrl:]]*) die "the mirror '$check_url' has a space in it" ;; esac
  [ $# -gt 0 ] || return 0
  for check_scheme in "$@"; do case $check_url in "$check_scheme"://?*) return 0 ;; esac; done
  die "'$check_url' is no URL of a mirror ($(printf '%s' "$*" | sed 's/ /, /g; s/\(.*\), /\1 or /'))"
}

# option_lines NAME VALUE...: prints --NAME=VALUE, a line for each that has a value
option_lines() {
  while [ $# -gt 0 ]; do
    if [ -n "$2" ]; then printf -- '--%s=%s\n' "$1" "$2"; fi
    shift 2
  done
}

# For who cannot tell.
perhaps_newer() {
  return 0
}

# provide_packages KEY HAS_NEWER BUILDER: --refresh-cache ends here.
provide_packages() {
  if [ $refresh = yes ]; then
    refresh_entry "$@"
    end_without_container 'brought the cache up to date'
  fi
  provide_rootfs "$1" "$3"
}
