/**
 * network/: the managed bridge, i.e. addresses, DHCP, DNS and NAT for containers, without a daemon of ours: iproute2, nftables
 * and dnsmasq do the work. Never anything about one container: its interfaces are the monitor's business.
 * This file: what an administrator may set.
 */

import type { SystemConfig } from '../config/schema/system.ts'

/** [network] of /etc/tlxc/tlxc.conf, defaults filled in. */
export type NetworkSettings = SystemConfig['network']

/** The bridge that configurations made for LXC name; it is answered by ours where there is none of that name. */
export const LXC_BRIDGE = 'lxcbr0'
