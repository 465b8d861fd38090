# shellcheck shell=bash
# What the kernel has not or may not do is told in words; afterwards all is as before.
c=bb-unprivileged
mkdir -p /mnt/tmpfs
mount -t tmpfs none /mnt/tmpfs
check 'a container on tmpfs is made' tlxc-create -q -P /mnt/tmpfs -n ontmpfs -t busybox
if [ "$(printf '%s\n' 6.3 "$(uname -r)" | sort -V | head -n 1)" = 6.3 ]; then
  check 'tmpfs can be id-mapped: it starts' eval 'tlxc-start -P /mnt/tmpfs -n ontmpfs && tlxc-stop -k -P /mnt/tmpfs -n ontmpfs'
else
  check 'tmpfs cannot be id-mapped: said so' refuses '/mnt/tmpfs/.pool" cannot be id-mapped by this kernel' tlxc-start -P /mnt/tmpfs -n ontmpfs
fi
check 'and destroyed' tlxc-destroy -P /mnt/tmpfs -n ontmpfs
umount /mnt/tmpfs
check 'virtiofs cannot be id-mapped: said so' refuses '"/share on mnt (/' tlxc-start -n $c -s 'lxc.mount.entry=/share mnt none bind,idmap=container,create=dir 0 0'
limit=$(cat /proc/sys/user/max_user_namespaces)
echo 0 >/proc/sys/user/max_user_namespaces
check 'no user namespaces: said so' refuses 'user' tlxc-start -n $c
echo "$limit" >/proc/sys/user/max_user_namespaces
mount --bind -o ro /sys/fs/cgroup /sys/fs/cgroup && mount -o remount,bind,ro /sys/fs/cgroup
check 'cgroups read-only: said so' refuses 'control group' tlxc-start -n $c
umount /sys/fs/cgroup
check 'an unknown filesystem: said so' refuses 'filesystem of that type' tlxc-start -n $c -s 'lxc.mount.entry=none mnt nosuchfs defaults 0 0'
check 'a missing bridge: said so' refuses 'nosuchbr0' tlxc-start -n $c -s lxc.net.0.link=nosuchbr0
check 'no trace of all these' within 10 nothing_left $c
check 'it starts as ever' eval "tlxc-start -n $c && tlxc-stop -k -n $c"
for c in bb-unprivileged bb-privileged; do check "destroy $c" eval "tlxc-destroy -n $c && [ ! -e /var/lib/tlxc/$c ]"; done
check 'no profile stays loaded or cached' eval '! { aa-status; find /var/cache/tlxc/apparmor; } | grep tlxc-'
