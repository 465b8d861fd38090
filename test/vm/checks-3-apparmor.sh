# shellcheck shell=bash
# Profiles: generated, loaded, enforced, taken by attach; bad ones refused with the reason.
label_of() { cat "/proc/$(init_of "$1")/attr/current"; }
events=$(journalctl -k --no-pager | grep -c 'apparmor="DENIED"')
[ -e /var/lib/tlxc/bb-unprivileged ] || tlxc-create -q -n bb-unprivileged -t busybox
[ -e /var/lib/tlxc/bb-privileged ] || tlxc-create -q -n bb-privileged --privileged -t busybox
for c in bb-unprivileged bb-privileged; do
  check "$c: starts" tlxc-start -n $c
  check "$c: init is confined" eval "label_of $c | grep -qE '^tlxc-${c}_[0-9a-f]{12} \(enforce\)'"
  check "$c: the kernel lists the profile as enforced" says "tlxc-$c" aa-status
  check "$c: attach takes the label" says "$(label_of $c)" in_ $c cat /proc/self/attr/current
  check "$c: attach -e LSM does not" says unconfined tlxc-attach -n $c -eLSM -- cat /proc/self/attr/current
  check "$c: /proc/sys/kernel/core_pattern cannot be written" refuses '' in_ $c sh -c 'echo x >/proc/sys/kernel/core_pattern'
  check "$c: /proc/sysrq-trigger cannot be written" refuses '' in_ $c sh -c 'echo h >/proc/sysrq-trigger'
  check "$c: user namespaces inside" in_ $c unshare -U true
  check "$c: execute is confined too" eval "tlxc-stop -k -n $c && tlxc-execute -n $c -- cat /proc/self/attr/current | grep -q '^tlxc-$c.*enforce'"
done
c=bb-privileged
check 'privileged: starts' tlxc-start -n $c
check 'privileged: no mount of debugfs' refuses 'ermission' in_ $c mount -t debugfs none /mnt
check 'privileged: a tmpfs may be mounted' in_ $c mount -t tmpfs none /mnt
check 'privileged: /proc may not be moved away' refuses 'ermission' in_ $c mount --move /proc /mnt
check 'privileged: / may be remounted' in_ $c mount -o remount,bind,noatime /
check 'privileged: /sys/kernel/uevent_helper cannot be written' refuses '' in_ $c sh -c 'echo x >/sys/kernel/uevent_helper'
check 'stops' tlxc-stop -k -n $c
check 'the denials are of the profile' eval "[ \$(journalctl -k --no-pager | grep 'apparmor=\"DENIED\"' | grep -c tlxc-) -gt $events ]"
check 'unconfined' eval "tlxc-start -n $c -s lxc.apparmor.profile=unconfined && label_of $c | grep -q ^unconfined && tlxc-stop -k -n $c"
check 'a profile that is not loaded is named' refuses 'AppArmor refuses the profile "nowhere"' tlxc-start -n $c -s lxc.apparmor.profile=nowhere
check 'a bad rule is told' refuses 'cannot load the AppArmor profile' tlxc-start -n $c -s 'lxc.apparmor.raw=no such rule,'
check 'a rule of the configuration holds' eval "tlxc-start -n $c -s 'lxc.apparmor.raw=deny /etc/issue r,' && ! in_ $c cat /etc/issue && tlxc-stop -k -n $c"
check 'no trace of it' within 10 nothing_left $c
