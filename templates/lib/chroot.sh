# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# What scripts of packages expect while a tree is built: /proc, a few devices, and an empty /run and /tmp of their own. Only for
# packages whose signatures were checked: they run as root of the host. Sourced by the templates that need it.

chroot_mounts=''

# mount_api: on $build
mount_api() {
  chroot_mounts=$build
  for chroot_dir in proc sys dev run tmp; do [ -d "$build/$chroot_dir" ] || mkdir -p "$build/$chroot_dir"; done
  mount -t proc -o nosuid,nodev,noexec proc "$build/proc" || die "cannot mount '$build/proc'"
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$build/sys" || die "cannot mount '$build/sys'"
  mount -t tmpfs -o mode=755,nosuid,noexec dev "$build/dev" || die "cannot mount '$build/dev'"
  while read -r chroot_name chroot_minor; do
    mknod -m 666 "$build/dev/$chroot_name" c 1 "$chroot_minor"
  done <<NODES
null 3
zero 5
full 7
random 8
urandom 9
NODES
  ln -s /proc/self/fd "$build/dev/fd"
  mkdir "$build/dev/shm"
  mount -t tmpfs -o mode=755,nosuid,nodev run "$build/run" || die "cannot mount '$build/run'"
  mount -t tmpfs -o mode=1777,nosuid,nodev tmp "$build/tmp" || die "cannot mount '$build/tmp'"
}

unmount_api() {
  for chroot_dir in tmp run dev sys proc; do
    umount -- "$chroot_mounts/$chroot_dir" || die "cannot unmount '$chroot_mounts/$chroot_dir': something of the build still runs"
  done
  chmod 1777 "$chroot_mounts/tmp"
}
