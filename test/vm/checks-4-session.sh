# shellcheck shell=bash
# Started from where systemd manages the cgroups: sessions, scopes, services.
c=bb-unprivileged
lives() { within 20 in_ "$1" true && is_state "$1" RUNNING; }

session() { systemd-run -q --collect --pipe --wait -p PAMName=login "$@"; }
check 'from a login session' session tlxc-start -n $c
check 'it outlives the session, in cgroups of its own' eval "lives $c && grep -qx 0::/tlxc.payload.$c /proc/\$(init_of $c)/cgroup"
check 'attach from a login session joins the cgroup' says 0::/ session tlxc-attach -n $c -- cat /proc/self/cgroup
check 'freeze, unfreeze and stop from a login session' session sh -c "tlxc-freeze -n $c && tlxc-unfreeze -n $c && tlxc-stop -k -n $c"
check 'from a scope' systemd-run -q --scope --unit=vmscope tlxc-start -n $c
check 'the scope is gone, it lives' eval "within 10 eval '! systemctl -q is-active vmscope.scope' && lives $c && tlxc-stop -k -n $c"
check 'relative, in a delegated scope, with a limit' systemd-run -q --scope -p Delegate=yes --unit=vmdelegated \
  tlxc-start -n $c -s lxc.cgroup.relative=1 -s lxc.cgroup2.pids.max=77
check 'it is below the scope' eval "grep -q vmdelegated /proc/\$(init_of $c)/cgroup && [ \$(tlxc-cgroup -n $c pids.max) = 77 ] && lives $c"
check 'the scope ends with it' eval "tlxc-stop -k -n $c && within 10 nothing_left $c && within 10 eval '! systemctl -q is-active vmdelegated.scope'"
check 'in the foreground as a service' systemctl start tlxc@$c.service
check 'it runs' within 30 lives $c
check 'stopping the service stops it' eval "systemctl stop tlxc@$c.service && is_state $c STOPPED && within 10 nothing_left $c"
echo 'lxc.start.auto = 1' >>/var/lib/tlxc/$c/config
check 'autostart' eval "systemctl start tlxc.service && lives $c"
check 'a restart of the service brings it back' eval "systemctl restart tlxc.service && lives $c"
check 'stopping it stops the container' eval "systemctl stop tlxc.service && is_state $c STOPPED"
check 'another user is told that root is needed' refuses 'only root can' systemd-run -q --collect --pipe --wait --uid=tester -p PAMName=login tlxc-start -n $c -P /var/lib/tlxc
