# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with lib.sh and the templates
# eth0 by DHCP, in the words of whatever configures the network inside; units of systemd enabled without running anything.

# find_unit UNIT: sets unit_path to its file as the container sees it. 1: there is none.
find_unit() {
  for unit_path in "/etc/systemd/system/$1" "/usr/lib/systemd/system/$1" "/lib/systemd/system/$1"; do
    if read_file "$unit_path" >/dev/null; then return 0; fi
  done
  return 1
}

# enable_unit UNIT: links as "systemctl enable" makes them, from the unit's [Install]. 1: there is no such unit.
enable_unit() {
  find_unit "$1" || return 1
  need_scratch
  read_file "$unit_path" | awk -F= '
    /^\[/ { on = ($1 == "[Install]") }
    on && $1 ~ /^(WantedBy|RequiredBy|Alias)$/ { n = split($2, v, /[ \t]+/); for (i = 1; i <= n; i++) if (v[i] != "") print $1, v[i] }' \
    >"$scratch/install"
  while read -r enable_how enable_what; do
    case $enable_what in */*) continue ;; esac
    case $enable_how in
      WantedBy) link "$unit_path" "etc/systemd/system/$enable_what.wants/$1" ;;
      RequiredBy) link "$unit_path" "etc/systemd/system/$enable_what.requires/$1" ;;
      Alias) link "$unit_path" "etc/systemd/system/$enable_what" ;;
    esac
  done <"$scratch/install"
}

# mask_unit UNIT...
mask_unit() {
  for mask_name in "$@"; do link /dev/null "etc/systemd/system/$mask_name"; done
}

# network_networkd: systemd-networkd, and systemd-resolved where there is one.
network_networkd() {
  render_file 644 etc/systemd/network/80-tlxc.network networkd
  enable_unit systemd-networkd.service || die 'cannot set up the network: systemd-networkd is not in the container'
  enable_unit systemd-networkd.socket || true
  # Waits for a network that a container need not have, and fails then.
  mask_unit systemd-networkd-wait-online.service
  if enable_unit systemd-resolved.service; then
    link ../run/systemd/resolve/stub-resolv.conf etc/resolv.conf
  fi
}

# network_ifupdown: ifupdown (Debian) and ifupdown-ng (Alpine)
network_ifupdown() {
  render_file 644 etc/network/interfaces interfaces
}

# network_ifcfg: the network scripts of the RPM family, and NetworkManager where it reads them (it has ifcfg-rh)
network_ifcfg() {
  render_file 644 etc/sysconfig/network-scripts/ifcfg-eth0 ifcfg
  write 644 etc/sysconfig/network <<FILE
NETWORKING=yes
FILE
}

# network_networkmanager: a keyfile; NetworkManager refuses one that others can read.
network_networkmanager() {
  render_file 600 etc/NetworkManager/system-connections/eth0.nmconnection nmconnection
  enable_unit NetworkManager.service || die 'cannot set up the network: NetworkManager is not in the container'
  mask_unit NetworkManager-wait-online.service
}
