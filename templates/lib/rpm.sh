# shellcheck shell=sh source-path=SCRIPTDIR/.. disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# The RPM family: one template, told apart by a profile. tlxc-centos and its like set the profile, source this, and call
# rpm_main "$@". The profile:
#   distribution title
#   installers         programs of this machine that fill the tree, the best first: dnf yum (default), or zypper
#   releases           function: prints the releases that it knows, for people; the first word is the default
#   describe_release   function: for $release and $arch, sets default_mirror, layout (see rpm-source.sh), key_names, key_url,
#                      base_packages, platform (dnf's module_platform_id), and perhaps needs_cgroup_v1=yes, own_repos=dead.
#                      1: it knows no such release

# shellcheck source=lib/rpm-source.sh
. "$library_dir/lib/rpm-source.sh"
# shellcheck source=lib/rpm-repos.sh
. "$library_dir/lib/rpm-repos.sh"
# shellcheck source=lib/rpm-install.sh
. "$library_dir/lib/rpm-install.sh"
# shellcheck source=lib/rpm-system.sh
. "$library_dir/lib/rpm-system.sh"
# shellcheck source=lib/packages.sh
. "$library_dir/lib/packages.sh"

: "${installers:=dnf yum}"
case $installers in zypper) repo_dir=etc/zypp/repos.d ;; *) repo_dir=etc/yum.repos.d ;; esac
# What makes a small system that a person can log in to, updates, and has an address.
el_packages='systemd NetworkManager dnf iproute iputils passwd procps-ng hostname less rootfiles vim-minimal'
el7_packages='systemd initscripts dhclient yum iproute iputils passwd procps-ng hostname less rootfiles vim-minimal'

rpm_installers() { echo "$installers" | sed 's/ / or /g'; }

usage() {
  cat <<USAGE
Usage: $program --name=NAME --path=DIR [--rootfs=DIR] [OPTION...]

Makes a $title system for a container, with this machine's $(rpm_installers). What was made once stays in
${TLXC_CACHE_DIR:-/var/cache/tlxc}/$distribution.

Options:
  -r, -R, --release=NAME    $(releases) (default: what the mirror's URL names, else the first)
  -a, --arch=ARCH           the distribution's name of the architecture (default: that of this machine)
  -m, --mirror=URL          where packages come from (MIRROR; default: $title's own server): a tree with "repodata", the tree
                            of an installation medium, or the root of a whole mirror. Nothing else is asked then, and the
                            container's $(rpm_installers) uses it, too
  --repo=FILE|URL           a .repo file to use instead, or with --mirror in addition; here and in the container (repeatable)
  --gpg-key=FILE|URL        key that signs packages and metadata (repeatable; default: $title's, if this machine has it)
  --no-metadata-check       the metadata need not be signed; packages are checked all the same
  --no-gpg-check            check no signature: whoever can answer in the mirror's place becomes root of the container
$(package_usage)
USAGE
}

rpm_takes_value() {
  case $1 in
    -r | -R | --release | --repo | --gpg-key) return 0 ;;
    *) return 1 ;;
  esac
}

# repo_files and gpg_keys are lists of lines: a URL or a path has none.
rpm_option() {
  case $1 in
    -r | -R | --release) release=$2 ;;
    --repo) repo_files=$repo_files$(absolute "$2")$newline ;;
    --gpg-key) gpg_keys=$gpg_keys$(absolute "$2")$newline ;;
    --no-metadata-check) metadata_check=no ;;
    --no-gpg-check) gpg_check=no metadata_check=no ;;
    *) return 1 ;;
  esac
}

rpm_options() {
  release='' mirror=${MIRROR:-} repo_files='' gpg_keys='' gpg_check=yes metadata_check=yes
  option_sets='rpm package customise'
  parse_options "$@"
}

rpm_main() {
  rpm_options "$@"
  begin_packages "$distribution"
  check_rpm_options
  # What cannot work is said before anything is downloaded.
  if [ "${needs_cgroup_v1:-no}" = yes ]; then require_cgroup_v1 /sys/fs/cgroup; fi
  open_cache "$distribution"
  rpm_key=''
  # Called again for a layer: what is in it has been decided.
  if [ "${TLXC_LAYER_STAGE:-}" != customise ]; then
    find_keys
    check_keys
    find_repo_files
    rpm_key=$distribution-$release-$arch-$(rpm_recipe)
    entry_arguments=$(rpm_arguments)
  fi
  provide_packages "$rpm_key" has_newer_rpms build_rpm
  customise
  append_config <<FILE

# Distribution configuration
lxc.include = $config_dir/$distribution.common.conf

# Container specific configuration
lxc.uts.name = $hostname
lxc.arch = $arch
FILE
}

check_rpm_options() {
  mirror=${mirror%/}
  if [ -n "$mirror" ]; then check_mirror "$mirror" http https ftp file; fi
  case $arch in
    '') arch=$(uname -m) ;;
    amd64) arch=x86_64 ;;
    arm64) arch=aarch64 ;;
  esac
  check_arch
  [ -n "$release" ] || release=$(release_of_mirror)
  case $release in *[!a-z0-9.-]* | '' | [.-]*) die "'$release' is no name of a release of $title" ;; esac
  describe_release || die "$title has no release '$release' that this template knows; there are: $(releases)"
  if wants_ssh; then packages=openssh-server${packages:+,$packages}; fi
  more_packages=$packages packages="$base_packages $(printf '%s' "$packages" | tr , ' ')"
}

# Of http://HOST/cobbler/ks_mirror/7/ it is 7, so that an old admin's command needs no --release.
release_of_mirror() {
  case $mirror in
    *://*/*)
      for release in $(printf '%s\n' "${mirror#*://*/}" | tr -c 'a-z0-9.\n-' ' '); do
        if describe_release; then printf '%s\n' "$release"; return 0; fi
      done
      ;;
  esac
  releases | sed 's/[ ,].*//'
}

# What makes a difference to the tree makes a difference to its key in the cache; above all, what was checked.
rpm_recipe() {
  for recipe_file in "$scratch"/keys/* "$scratch"/repos/*; do
    if [ -f "$recipe_file" ]; then printf '%s\n' "${recipe_file##*/}" && cat -- "$recipe_file"; fi
  done >"$scratch/recipe"
  recipe "$mirror" "$packages" "$gpg_check" "$metadata_check" "$(sha1sum <"$scratch/recipe")"
}

rpm_arguments() {
  option_lines release "$release" arch "$arch" packages "$more_packages" mirror "$mirror"
  printf '%s' "$repo_files" | sed -n 's/^./--repo=&/p'
  printf '%s' "$gpg_keys" | sed -n 's/^./--gpg-key=&/p'
  case $gpg_check:$metadata_check in
    no:*) echo --no-gpg-check ;;
    *:no) echo --no-metadata-check ;;
  esac
}

# has_newer_rpms: whether a tree of packages has other metadata than when $entry was made. 0: it has, or files of repositories
# say where packages are, which dnf and zypper read.
has_newer_rpms() {
  [ -z "$repo_files" ] || return 0
  find_trees
  [ "$(sed -n 's/^build=//p' "$entry/origin")" != "$(trees_digest)" ]
}

# The tree that all containers of this recipe share. Under set -e: see cache_entry.
build_rpm() {
  find_installer
  find_trees
  origin what "$title $release $arch"
  origin source "$(source_for_people)"
  if [ -s "$scratch/trees" ]; then origin build "$(trees_digest)"; fi
  progress "Downloading $title $release for $arch from $(source_for_people) ..."
  install_rpms
  move_rpm_database
  files_of "$build"
  write_repo_files
  setup_rpm_system
}
