# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# The RPM family: from a tree of packages to a system that runs in a container. Nothing of it is executed.

# require_cgroup_v1 DIR: systemd 219 knows nothing but cgroup v1. DIR is where this machine's cgroups are mounted. Dies
# with the mend when they are v2 alone.
require_cgroup_v1() {
  [ "$(stat -f -c %T "$1" 2>/dev/null)" != cgroup2fs ] ||
    die "$title $release cannot run on this machine: its systemd needs cgroup v1, and $1 is cgroup v2 alone. Boot this machine with systemd.unified_cgroup_hierarchy=0 (and SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 where systemd is 256 or newer) on the kernel command line, or choose a newer release: $(releases)"
}

setup_rpm_system() {
  setup_rpm_network
  console_systemd
  setup_old_gettys
  # An installation for a desktop has another; nothing shows it here.
  link /usr/lib/systemd/system/multi-user.target etc/systemd/system/default.target
  has etc/fstab || : | write 644 etc/fstab
  # A container loads no policy; an init that tries to, and must, does not go on.
  # shellcheck disable=SC2016
  edit etc/selinux/config 644 sed 's/^SELINUX=.*/SELINUX=disabled/'
  case $release in
    # glibc knows no C.UTF-8 there.
    7) echo 'LANG=en_US.UTF-8' | write 644 etc/locale.conf ;;
    *) echo 'LANG=C.UTF-8' | write 644 etc/locale.conf ;;
  esac
}

# Whatever of it is installed: the release says less than the packages that somebody added.
setup_rpm_network() {
  if has etc/rc.d/init.d/network; then
    network_ifcfg
    for network_level in 2 3 4 5; do
      make_dir "etc/rc.d/rc$network_level.d"
      link ../init.d/network "etc/rc.d/rc$network_level.d/S10network"
    done
    # One of them is enough; both fight for eth0.
    if has usr/sbin/NetworkManager; then mask_unit NetworkManager.service; fi
  elif has usr/sbin/NetworkManager; then
    network_networkmanager
  elif has usr/lib/systemd/systemd-networkd; then
    network_networkd
  else
    die 'nothing in the container would give it an address: no network scripts, NetworkManager or systemd-networkd (--packages NetworkManager)'
  fi
}

# An old getty generator does not know container_ttys. getty@ would do, but it wants /dev/tty0 and a device unit of udev.
setup_old_gettys() {
  old_generator=usr/lib/systemd/system-generators/systemd-getty-generator
  if has $old_generator && ! LC_ALL=C grep -aq container_ttys "$root_of_files/$old_generator"; then
    read_file usr/lib/systemd/system/getty@.service | sed -e '/^ConditionPathExists=/d' -e 's/dev-%i.device//' | write 644 etc/systemd/system/getty@.service
    for old_tty in $console_ttys; do link /etc/systemd/system/getty@.service "etc/systemd/system/getty.target.wants/getty@$old_tty.service"; done
  fi
}
