# shellcheck shell=sh source-path=SCRIPTDIR disable=SC2034 # what it sets is used by the templates
# The library of tlxc's templates. Sourced, never run; POSIX sh. Nothing here or below lib/ knows a distribution.
#
# The contract of a template is LXC's: TEMPLATE --path=DIR --name=NAME --rootfs=DIR [options of its own]. It fills the rootfs,
# appends to DIR/config, and ends with status 0; with any other, tlxc-create takes everything back.
#
# A template that keeps finished systems in a cache can give the second container a layer instead of a copy. Nobody has to:
#   TLXC_LAYER_REQUEST=FILE     in the environment: instead of filling --rootfs, the template may write one line "DIRECTORY KEY"
#                               into FILE, and end with status 0. DIRECTORY (absolute) holds the finished tree and is immutable
#                               from now on; KEY (after the last space) names its content: another content has another KEY.
#                               A second line, if there is one, names a file: its flock(2) is held, shared, while DIRECTORY is
#                               copied, so that nobody replaces or removes the tree meanwhile who takes it exclusively.
#                               A third one names a file with what stands after the last "-" of KEY, as long as DIRECTORY is that tree:
#                               who replaced or removed it before it was copied makes tlxc-create call the template once more.
#                               When FILE stayed empty, the template knew nothing of this and has done its whole work.
#                               Or two lines: "oci:STORE DIGEST", and a name for people. STORE (absolute) has the blobs of an OCI image in
#                               sha256/HEX, DIGEST is that of its manifest: tlxc-create makes a layer of each of its layers, unless there is one.
#   TLXC_LAYER_STAGE=customise  the same template is called again with the same arguments: --rootfs is a writable view of that
#                               tree; what is this container's own (name, users, keys, configuration) goes in now.
# provide_rootfs (lib/cache.sh) is the only place that knows both; a template on this library gets it for nothing:
#   check_common; check_customise; open_cache debian
#   provide_rootfs KEY BUILDER     calls BUILDER with $build as the place of the tree, unless the cache has KEY
#   customise; append_config <<...
# With --refresh-cache and the options that were noted down (entry_arguments) a template brings its cache up to date, and makes no
# container: refresh_entry (lib/cache.sh). tlxc-template cache --refresh calls it so.
# Options: parse_options (lib/options.sh). For those that install packages from a mirror lib/packages.sh has all of that in one.

program=${0##*/}
template_dir=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# Where the includes are that a configuration names; as installed: PREFIX/share/tlxc/{templates,config}.
config_dir=${TLXC_CONFIG_DIR:-${template_dir%/*}/config}
library_dir=${TLXC_TEMPLATE_LIB:-$template_dir}
[ -e "$library_dir/lib.sh" ] || library_dir=${template_dir%/*}
tlxc_program=${config_dir%/share/tlxc/config}/lib/tlxc/tlxc
PATH=$PATH:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

# shellcheck source=lib/options.sh
. "$library_dir/lib/options.sh"
# shellcheck source=lib/files.sh
. "$library_dir/lib/files.sh"
# shellcheck source=lib/fetch.sh
. "$library_dir/lib/fetch.sh"
# shellcheck source=lib/verify.sh
. "$library_dir/lib/verify.sh"
# shellcheck source=lib/build-area.sh
. "$library_dir/lib/build-area.sh"
# shellcheck source=lib/cache.sh
. "$library_dir/lib/cache.sh"
# shellcheck source=lib/network.sh
. "$library_dir/lib/network.sh"
# shellcheck source=lib/console.sh
. "$library_dir/lib/console.sh"
# shellcheck source=lib/accounts.sh
. "$library_dir/lib/accounts.sh"
# shellcheck source=lib/customise.sh
. "$library_dir/lib/customise.sh"
