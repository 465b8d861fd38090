#!/bin/bash
# Runs in the machine, as root: installs what is in /share/root and checks it. Prints TAP; the last line counts.
#   CHECKS=busybox,limits,… bash inside.sh   only these files of checks
here=$(dirname "$0")
count=0 failed=0

# check NAME COMMAND...: passes when it succeeds; what it printed is shown when not.
check() {
  local name=$1 output
  shift
  count=$((count + 1))
  if output=$("$@" 2>&1); then
    echo "ok $count - $name"
  else
    failed=$((failed + 1))
    echo "not ok $count - $name"
    printf '%s\n' "$*" "$output" | sed 's/^/# /'
  fi
}

# says TEXT COMMAND...: the output contains TEXT, whatever the exit status.
says() {
  local text=$1 output
  shift
  output=$("$@" 2>&1)
  printf '%s\n' "$output"
  [[ $output == *"$text"* ]]
}

# refuses TEXT COMMAND...: fails, and says TEXT.
refuses() {
  local text=$1 output
  shift
  if output=$("$@" 2>&1); then printf 'succeeded: %s\n' "$output"; return 1; fi
  printf '%s\n' "$output"
  [[ $output == *"$text"* ]]
}

# within SECONDS COMMAND...: succeeds in time; tried twice a second.
within() {
  local until=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < until)) || { "$@"; return 1; }
    sleep 0.5
  done
}

init_of() { tlxc-info -n "$1" -pH; }
monitor_of() { awk '/^PPid:/ { print $2 }' "/proc/$(init_of "$1")/status"; }
in_() { local name=$1; shift; tlxc-attach -n "$name" -- "$@"; }
has_address() { tlxc-info -n "$1" -iH | grep -qE '^[0-9]+(\.[0-9]+){3}$'; }
is_state() { [ "$(tlxc-info -n "$1" -sH)" = "$2" ]; }

console_says() { # NAME TEXT INPUT...: each INPUT after a while; the console shows TEXT
  local name=$1 text=$2
  shift 2
  { for input in "$@"; do sleep 3; printf '%b' "$input"; done; sleep 1; } |
    timeout 60 script -qec "tlxc-console -n $name -t 0" /dev/null | tee /dev/stderr | grep -q "$text"
}

rebooted() { # NAME COMMAND...: init has another process id afterwards
  local name=$1 before
  before=$(init_of "$name")
  shift
  "$@" || return 1
  within 60 eval "pid=\$(init_of $name) && [ -n \"\$pid\" ] && [ \"\$pid\" != $before ]"
}

# Nothing of a container but its directory: mounts, cgroups, run directory, monitor.
nothing_left() { # but the view, in which the files of a stopped container are
  ! grep "/$1/" /proc/self/mountinfo | grep -vE "/$1/rootfs .* - overlay tlxc(-view|:$1) " &&
    ! find /sys/fs/cgroup -type d -name "tlxc.*.$1" | grep . &&
    ! find /run/tlxc -name "$1" | grep . &&
    ! grep -sal "^\[tlxc.*$1" /proc/[0-9]*/cmdline
}

cp -a /share/root/. /
mkdir -p /var/cache/tlxc
tar --extract --numeric-owner --acls --xattrs --xattrs-include='*' --file=/share/cache.tar --directory=/var/cache/tlxc
for file in /etc/subuid /etc/subgid; do echo root:1000000:65536000 >>$file; done
systemctl daemon-reload
echo "# $(uname -r), $(systemctl --version | head -n 1), cgroups: $(stat -fc %T /sys/fs/cgroup)"
is_pure() { [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] && aa-status --enabled; }
check 'the host is pure cgroup v2 with AppArmor' is_pure
for file in "$here"/checks-*.sh; do
  part=${file##*/checks-} part=${part%.sh} part=${part#*-}
  [[ -z ${CHECKS:-} || ,$CHECKS, == *,"$part",* ]] || continue
  # shellcheck disable=SC1090
  . "$file"
done
tlxc-net stop --force
check 'no cgroup, mount or interface stays behind' eval \
  '! { find /sys/fs/cgroup -name "tlxc.*"; grep tlxc /proc/self/mountinfo; ip -o link | grep -E "tlxc|veth"; } | grep .'
check 'no unit of the host failed' eval '! systemctl --failed --no-legend --plain | grep .'
echo "$((count - failed)) passed, $failed failed"
((failed == 0))
