# shellcheck shell=bash
# Debian with systemd.
settled() { in_ "$1" systemctl is-system-running --wait | grep -qE '^(running|degraded)'; }
no_failed_unit() { ! in_ "$1" systemctl --failed --no-legend --plain | grep .; }
for kind in unprivileged privileged; do
  c=deb-$kind flags=()
  [ $kind = unprivileged ] || flags=(--privileged)
  check "Debian, $kind: create from the cache" tlxc-create -q -n $c "${flags[@]}" -t debian
  check "Debian, $kind: start" tlxc-start -n $c
  check "Debian, $kind: comes up" within 240 settled $c
  check "Debian, $kind: no failed unit" no_failed_unit $c
  check "Debian, $kind: running" says running in_ $c systemctl is-system-running
  check "Debian, $kind: an address by DHCP" within 60 has_address $c
  check "Debian, $kind: names resolve" within 30 in_ $c getent ahostsv4 $c
  check "Debian, $kind: controllers are handed on" in_ $c systemd-run -q --wait -p MemoryMax=50M -p TasksMax=20 true
  check "Debian, $kind: console shows a login prompt" console_says $c "$c login:" '\n' '\n' '\001q'
  check "Debian, $kind: reboot inside" rebooted $c in_ $c reboot
  check "Debian, $kind: comes up again" within 240 settled $c
  check "Debian, $kind: running again" says running in_ $c systemctl is-system-running
  check "Debian, $kind: clean stop" eval "tlxc-stop -n $c -t 120 && within 10 nothing_left $c"
  check "Debian, $kind: destroy" tlxc-destroy -n $c
done
