# shellcheck shell=bash
# shellcheck disable=SC2016 # what is in single quotes is for the container's shell
# The life of a busybox container, unprivileged and privileged.
kill_monitor() { # NAME: by SIGKILL; the next command says so, and nothing is left
  kill -KILL "$(monitor_of "$1")" || return 1
  within 20 eval "tlxc-info -n $1 -s >/tmp/info 2>&1; grep -q STOPPED /tmp/info"
  within 10 nothing_left "$1"
}

frozen_kill() {
  tlxc-freeze -n "$1" && is_state "$1" FROZEN && tlxc-stop -k -n "$1" && within 10 nothing_left "$1"
}

for kind in unprivileged privileged; do
  c=bb-$kind flags=()
  [ $kind = unprivileged ] || flags=(--privileged)
  check "$kind: create" tlxc-create -q -n $c "${flags[@]}" -t busybox
  check "$kind: start" tlxc-start -n $c
  check "$kind: an address by DHCP" within 60 has_address $c
  check "$kind: reaches the host" in_ $c sh -c 'ping -c 1 -W 5 $(ip route | sed -n "s/^default via \([0-9.]*\).*/\1/p")'
  check "$kind: its name is known on the bridge" says "$(tlxc-info -n $c -iH)" in_ $c nslookup "$c.tlxc"
  check "$kind: attach gives the exit status" eval "in_ $c sh -c 'exit 7'; [ \$? = 7 ]"
  check "$kind: attach is in the cgroup of the container" says 0::/ in_ $c cat /proc/self/cgroup
  check "$kind: the cgroups of monitor and payload" eval \
    "grep -q ::/tlxc.payload.$c\$ /proc/$(init_of $c)/cgroup && grep -q ::/tlxc.monitor.$c\$ /proc/$(monitor_of $c)/cgroup"
  check "$kind: freeze" eval "tlxc-freeze -n $c && is_state $c FROZEN && grep -q 'frozen 1' /sys/fs/cgroup/tlxc.payload.$c/cgroup.events"
  check "$kind: unfreeze" eval "tlxc-unfreeze -n $c && is_state $c RUNNING && in_ $c true"
  check "$kind: ls -f shows RAM" eval "tlxc-ls -f -F NAME,RAM ^$c | tee /dev/stderr | grep -qE '[1-9][0-9.]*[KM]B'"
  check "$kind: info shows CPU, memory and kernel memory" eval \
    "tlxc-info -n $c -SH | tee /dev/stderr | grep -cE '^(CPU use|Memory use|KMem use): +[1-9]' | grep -qx 3"
  check "$kind: the console logs in" console_says $c 'tty of 0' '\n' 'root\n' 'echo tty of $(id -u)\n' '\001q'
  check "$kind: reboot" rebooted $c tlxc-stop -r -n $c
  check "$kind: runs after the reboot" within 60 in_ $c true
  check "$kind: clean stop" eval "tlxc-stop -n $c && is_state $c STOPPED && within 10 nothing_left $c"
  check "$kind: killed while frozen" eval "tlxc-start -n $c && frozen_kill $c"
  check "$kind: stop -k" eval "tlxc-start -n $c && tlxc-stop -k -n $c && within 10 nothing_left $c"
  check "$kind: a killed monitor takes it along" eval "tlxc-start -n $c && kill_monitor $c"
  check "$kind: execute gives output and status" eval \
    "tlxc-execute -n $c -- sh -c 'id -u; exit 5' >/tmp/out; [ \$? = 5 ] && grep -qx 0 /tmp/out && within 10 nothing_left $c"
done
