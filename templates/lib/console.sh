# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# Logins on /dev/console and /dev/tty1..4, for each kind of init; and who may log in there.

console_ttys='tty1 tty2 tty3 tty4'

# console_systemd: its getty generator gives /dev/console and the ttys that the monitor tells it (container_ttys) a login by
# itself. What distributions enable beside that, getty@tty1, wants /dev/tty0, which a container has not.
console_systemd() {
  for console_tty in tty1 tty2 tty3 tty4 tty5 tty6; do
    remove "etc/systemd/system/getty.target.wants/getty@$console_tty.service"
  done
  if find_unit console-getty.service; then
    rooted etc/systemd/system/console-getty.service
    if [ -L "$at" ] && [ "$(readlink "$at")" = /dev/null ]; then rm -f -- "$at"; fi
  fi
  console_secure
}

# console_sysvinit: gettys of /etc/inittab for what a container has, none for what it has not (tty5, ttyS0, ...)
console_sysvinit() {
  read_file etc/inittab >/dev/null || die 'cannot set up logins: the container has no /etc/inittab'
  edit etc/inittab 644 sed -E '/^[^#].*(getty|:ctrlaltdel:|:powerwait:|:powerfailnow:|:powerokwait:)/d'
  rooted etc/inittab
  {
    echo 'c0:12345:respawn:/sbin/getty --noclear 115200 console linux'
    # How the host says "halt" (SIGPWR) and "reboot" (SIGINT).
    echo 'p0::powerfail:/sbin/init 0'
    echo 'p6::ctrlaltdel:/sbin/init 6'
    for console_tty in $console_ttys; do echo "${console_tty#tty}:2345:respawn:/sbin/getty --noclear 38400 $console_tty linux"; done
  } >>"$at"
  console_secure
}

# console_busybox: /etc/inittab of busybox init, which OpenRC of Alpine has, too.
console_busybox() {
  need_scratch
  {
    read_file etc/inittab | sed '/^[^#].*getty/d'
    for console_tty in console $console_ttys; do echo "$console_tty::respawn:/sbin/getty -L 115200 $console_tty linux"; done
  } >"$scratch/inittab"
  write 644 etc/inittab <"$scratch/inittab"
  console_secure
}

# own_copy PATH: distributions that keep /etc for the administrator have their own file in /usr/etc or /usr/lib; what we change is a
# copy in /etc, which counts. Nothing when there is one, or none at all.
own_copy() {
  if has "etc/$1"; then return 0; fi
  for own_copy_from in usr/etc usr/lib; do
    if read_file "$own_copy_from/$1" >/dev/null; then
      need_scratch
      read_file "$own_copy_from/$1" >"$scratch/own"
      write 644 "etc/$1" <"$scratch/own"
      return 0
    fi
  done
}

# Where root may log in by /etc/securetty, and without an audit session id, which a container may not set.
console_secure() {
  own_copy securetty
  own_copy pam.d/login
  if read_file etc/securetty >/dev/null; then
    rooted etc/securetty
    for console_tty in console $console_ttys pts/0 pts/1 pts/2 pts/3 pts/4 pts/5; do
      grep -qx "$console_tty" "$at" || echo "$console_tty" >>"$at"
    done
  fi
  rooted etc/pam.d/.
  console_pam=$at
  for console_file in "$console_pam"/*; do
    if [ ! -f "$console_file" ] || [ -L "$console_file" ]; then continue; fi
    if grep -q 'required.*pam_loginuid' "$console_file"; then
      edit "etc/pam.d/${console_file##*/}" 644 sed 's/^\(-\{0,1\}session[ \t]*\)required\([ \t]*pam_loginuid\)/\1optional\2/'
    fi
  done
}

# allow_root_on_console: root logs in on the container's terminals without a password (only root of the host reaches them), and
# nowhere else: by PAM, or by what busybox's getty calls. 1: this container has neither.
allow_root_on_console() {
  if ! read_file etc/pam.d/login >/dev/null; then
    allow_root_by_getty
    return
  fi
  if read_file etc/pam.d/login | grep -q '^auth sufficient pam_succeed_if.so quiet user = root tty in'; then return 0; fi
  console_terminals=console:tty1:tty2:tty3:tty4:pts/1:pts/2:pts/3:pts/4
  # Before all: a stack that asks first asks for a password that there is not. After a line "#%PAM-1.0", which must be the first.
  edit etc/pam.d/login 644 awk -v line="auth sufficient pam_succeed_if.so quiet user = root tty in $console_terminals:/dev/console" '
    NR == 1 && /^#%PAM/ { print; print line; next }
    NR == 1 { print line }
    { print }'
}

allow_root_by_getty() {
  read_file etc/inittab | grep -q '/sbin/getty -L' || return 1
  render_file 755 sbin/console-login console-login
  edit etc/inittab 644 sed 's|/sbin/getty -L|/sbin/getty -l /sbin/console-login -L|'
}
