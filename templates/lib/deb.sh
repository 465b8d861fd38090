# shellcheck shell=sh source-path=SCRIPTDIR/.. disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# Debian and its derivatives: one template, told apart by a profile. tlxc-debian and its like set the profile, source this, and
# call deb_main "$@". The profile:
#   distribution title default_release default_components all_components
#   default_mirror            '': what apt of this machine uses for it
#   default_keyring keyring_package
#   default_init              systemd (with networkd) or sysvinit (with ifupdown)
#   fallback_script           debootstrap's script for a suite that it does not know yet
#   update_suites RELEASE     function: lines "SUITE [security]" beside RELEASE itself

# shellcheck source=lib/deb-bootstrap.sh
. "$library_dir/lib/deb-bootstrap.sh"
# shellcheck source=lib/packages.sh
. "$library_dir/lib/packages.sh"

usage() {
  cat <<USAGE
Usage: $program --name=NAME --path=DIR [--rootfs=DIR] [OPTION...]

Makes a $title system for a container. What was made once stays in ${TLXC_CACHE_DIR:-/var/cache/tlxc}/$distribution.

Options:
  -r, --release=RELEASE     any suite of the mirror (default: $default_release)
  -a, --arch=ARCH           Debian's name of the architecture (default: that of this machine)
  -m, --mirror=URL          where packages come from (default: MIRROR, ${default_mirror:-what apt of this machine uses})
  --security-mirror=URL     the same for security updates (SECURITY_MIRROR)
  --keyring=FILE|URL        keys that the archive must be signed with (KEYRING, $default_keyring)
  --variant=VARIANT         minbase (default), buildd, important or standard: how much beside what a container needs
  --components=A,B,...      default: $(echo "$default_components" | tr ' ' ,)
  --enable-non-free         with $all_components
  --init=INIT               systemd, with networkd; or sysvinit, with ifupdown (default: $default_init)
$(package_usage)
USAGE
}

deb_takes_value() {
  case $1 in
    -r | --release | --security-mirror | --keyring | --variant | --components | --init) return 0 ;;
    *) return 1 ;;
  esac
}

deb_option() {
  case $1 in
    -r | --release) release=$2 ;;
    --security-mirror) security_mirror=$2 ;;
    --keyring) keyring=$2 ;;
    --variant) variant=$2 ;;
    --components) components=$(printf '%s' "$2" | tr , ' ') ;;
    --enable-non-free) components=$all_components ;;
    --init) init=$2 ;;
    *) return 1 ;;
  esac
}

deb_main() {
  release=$default_release mirror=${MIRROR:-} security_mirror=${SECURITY_MIRROR:-} keyring=${KEYRING:-}
  components=$default_components variant=minbase init=$default_init
  option_sets='deb package customise'
  parse_options "$@"
  begin_packages "$distribution"
  check_deb_options
  open_cache "$distribution"
  deb_recipe=$(recipe "$(base_packages)" "$components" "$variant" "$init" "$mirror" "$security_mirror" "$keyring")
  entry_arguments=$(option_lines release "$release" arch "$arch" variant "$variant" init "$init" components "$(printf '%s' "$components" | tr ' ' ,)" \
    packages "$packages" mirror "$mirror" security-mirror "$security_mirror" keyring "$keyring")
  provide_packages "$distribution-$release-$arch-$deb_recipe" has_newer_debs build_deb
  customise
  # Debian's SysV script makes no keys, and each container has its own.
  if [ "$init" = sysvinit ] && has usr/bin/ssh-keygen && has usr/sbin/sshd; then chroot "$rootfs" ssh-keygen -A >/dev/null || die 'cannot make SSH host keys'; fi
  append_config <<FILE

# Distribution configuration
lxc.include = $config_dir/debian.common.conf

# Container specific configuration
lxc.uts.name = $hostname
lxc.arch = $arch
FILE
}

check_deb_options() {
  case $release in *[!a-z0-9.-]* | '' | [.-]*) die "'$release' is no name of a release of $title" ;; esac
  [ -n "$arch" ] || arch=$(dpkg --print-architecture 2>/dev/null) || arch=$(machine_arch debian)
  case $arch in
    x86_64) arch=amd64 ;;
    i686) arch=i386 ;;
    aarch64) arch=arm64 ;;
  esac
  check_arch
  case $components in *[!a-z0-9\ -]* | '') die "'$components' is no list of components" ;; esac
  case $variant in minbase | buildd | important | standard) ;; *) die "'$variant' is no variant: minbase, buildd, important or standard" ;; esac
  case $init in systemd | sysvinit) ;; *) die "'$init' is no init that this template sets up: systemd or sysvinit" ;; esac
  check_mirror "$mirror"
  check_mirror "$security_mirror"
  keyring=$(absolute "$keyring")
  case $keyring in *[[:cntrl:]]*) die 'the name of the keyring has a line break in it' ;; esac
  if wants_ssh; then packages=openssh-server${packages:+,$packages}; fi
}

base_packages() {
  base_list=iproute2,iputils-ping,netbase,ca-certificates,procps,less
  case $init:$release in
    sysvinit:*) base_list=$base_list,sysvinit-core,ifupdown,isc-dhcp-client ;;
    # resolved is part of systemd there
    *:jessie | *:stretch | *:buster | *:bullseye | *:xenial | *:bionic | *:focal) base_list=$base_list,systemd,systemd-sysv,dbus,libpam-systemd ;;
    *:jammy) base_list=$base_list,systemd,systemd-sysv,dbus,libpam-systemd,libnss-myhostname ;;
    *) base_list=$base_list,systemd,systemd-sysv,dbus,libpam-systemd,systemd-resolved,libnss-myhostname ;;
  esac
  echo "$base_list${packages:+,$packages}"
}

# The tree that all containers of this recipe share.
build_deb() {
  find_mirrors
  warn_of_no_security
  find_keyring
  origin what "$title $release $arch"
  origin source "$mirror"
  progress "Downloading $title $release for $arch from $mirror ..."
  bootstrap_deb
  files_of "$build"
  if [ "$keyring" != "$default_keyring" ]; then
    # What the distribution's own keyring does not know, the container's apt must know, too.
    write 644 usr/share/keyrings/tlxc-archive.gpg <"$keyring_file"
    sed -i 's|^deb |deb [signed-by=/usr/share/keyrings/tlxc-archive.gpg] |' "$scratch/sources.list"
  fi
  write 644 etc/apt/sources.list <"$scratch/sources.list"
  # What mmdebstrap leaves there names the sources once more, with a keyring that was this machine's alone: apt would refuse them.
  rooted etc/apt/sources.list.d/.
  find "$at" -mindepth 1 -maxdepth 1 -type f -exec rm -f -- {} +
  write 644 etc/default/locale <<FILE
LANG=C.UTF-8
FILE
  if [ "$init" = systemd ]; then
    network_networkd
    console_systemd
    if has usr/sbin/sshd; then render_file 644 etc/systemd/system/ssh.service.d/tlxc.conf ssh-host-keys; fi
  else
    network_ifupdown
    console_sysvinit
  fi
}
