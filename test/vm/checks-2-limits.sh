# shellcheck shell=bash
# Limits and device rules of cgroup v2.
c=bb-privileged
vda=$(stat -c '%t %T' /dev/vda)
major=$((16#${vda% *})) minor=$((16#${vda#* }))

check 'limits of the configuration' eval \
  "tlxc-start -n $c -s lxc.cgroup2.memory.max=256M -s lxc.cgroup2.pids.max=150 &&
   [ \$(cat /sys/fs/cgroup/tlxc.payload.$c/memory.max) = 268435456 ] && [ \$(tlxc-cgroup -n $c pids.max) = 150 ]"
check 'cgroup sets memory.max' eval "tlxc-cgroup -n $c memory.max 128M && [ \$(tlxc-cgroup -n $c memory.max) = 134217728 ]"
check 'cgroup sets pids.max' eval "tlxc-cgroup -n $c pids.max 100 && [ \$(tlxc-cgroup -n $c pids.max) = 100 ]"
check 'pids.max holds' eval "in_ $c sh -c 'for i in \$(seq 150); do sleep 60 & done' 2>&1 | grep -qi fork"
check 'attach says that it is reached' refuses 'pids.max' in_ $c true
check 'and works with more' eval "tlxc-cgroup -n $c pids.max 200 && in_ $c killall sleep && tlxc-cgroup -n $c pids.max 100"
check 'cgroup refuses a bad value' refuses "memory.max" tlxc-cgroup -n $c memory.max lots
check 'cgroup refuses an unknown file' refuses "there is no" tlxc-cgroup -n $c memory.nonsense
check 'limits outlive a reload of the systemd of the host' eval "systemctl daemon-reload && [ \$(tlxc-cgroup -n $c pids.max) = 100 ] && tlxc-cgroup -n $c cpu.max"
check 'a device node may be made' in_ $c mknod /root/vda b $major $minor
check 'but not be opened' refuses 'not permitted' in_ $c head -c 1 /root/vda
check '/dev/null and /dev/urandom work' in_ $c sh -c 'head -c 4 /dev/urandom >/dev/null'
check 'a rule added at run time allows it' eval "tlxc-cgroup -n $c devices.allow 'b $major:$minor r' && in_ $c head -c 1 /root/vda"
check 'reading only' refuses 'not permitted' in_ $c sh -c ': >/root/vda'
check 'and another one denies it again' eval "tlxc-cgroup -n $c devices.deny 'b $major:$minor r' && ! in_ $c head -c 1 /root/vda"
check 'a reboot brings back the limits of the configuration' eval "rebooted $c tlxc-stop -r -n $c && [ \$(tlxc-cgroup -n $c pids.max) = 150 ]"
check 'and the device rules' refuses 'not permitted' in_ $c head -c 1 /root/vda
check 'stops' tlxc-stop -k -n $c
check 'lxc.cgroup (v1) is ignored with a word' says 'lxc.cgroup2' tlxc-start -n $c -s lxc.cgroup.memory.limit_in_bytes=64M
check 'stops again' tlxc-stop -k -n $c
check 'a file that the kernel has not is named' refuses 'memory.nonsense' tlxc-start -n $c -s lxc.cgroup2.memory.nonsense=1
check 'a value that it refuses is named' refuses 'memory.max' tlxc-start -n $c -s lxc.cgroup2.memory.max=lots
check 'no trace of a failed start' within 10 nothing_left $c
check 'lxc.cgroup.dir' eval "tlxc-start -n $c -s lxc.cgroup.dir=vmtest/deep -s lxc.cgroup2.pids.max=99 &&
  [ \$(cat /sys/fs/cgroup/vmtest/deep/tlxc.payload.$c/pids.max) = 99 ] && tlxc-stop -k -n $c && within 10 test ! -e /sys/fs/cgroup/vmtest"
check 'dir.container, dir.monitor and dir.container.inner' eval "tlxc-start -n $c -s lxc.cgroup.dir.container=vmc -s lxc.cgroup.dir.monitor=vmm \
  -s lxc.cgroup.dir.container.inner=in -s lxc.cgroup2.pids.max=98 && [ \$(cat /sys/fs/cgroup/vmc/pids.max) = 98 ] &&
  grep -qx 0::/vmc/in /proc/\$(init_of $c)/cgroup && in_ $c true && tlxc-stop -k -n $c && within 10 test ! -e /sys/fs/cgroup/vmc"
