/** Keys of one interface: lxc.net.N.… */
import { bool, integer } from '../codecs/number.ts'
import { interfaceName, text } from '../codecs/text.ts'
import { ipv4Address, ipv4Gateway, ipv4Route, ipv6Address, ipv6Gateway, ipv6Route, mac } from '../codecs/address.ts'
import { matching, oneOf, type Codec } from '../codecs/codec.ts'
import { clearing, list, scalar, type KeyRow } from './row.ts'

/** Any value means up, as in LXC. */
const flags: Codec<boolean> = { expects: 'up', parse: () => true, format: () => 'up' }
const vlan = integer(0, 4094)
const vlanOrNone = matching(
  'none, or a number from 0 to 4094',
  (raw) => raw === 'none' || (/^[0-9]{1,4}$/.test(raw) && Number(raw) <= 4094),
)
const queues = integer(1, 4096)

/** By field of NetConfig. */
export const NETWORK = {
  type: scalar(
    'lxc.net.N.type', oneOf(['veth', 'macvlan', 'ipvlan', 'vlan', 'phys', 'empty', 'none']), 'veth',
    'Kind of interface; comes before the keys that only one kind has. none: share the network of the host; empty: only lo.',
  ),
  up: scalar('lxc.net.N.flags', flags, 'up', 'Any value: set the interface up.'),
  link: scalar('lxc.net.N.link', interfaceName, 'tlxcbr0', 'Bridge or interface of the host.'),
  name: scalar('lxc.net.N.name', interfaceName, 'eth0', 'Name inside; default ethN.'),
  hwaddr: scalar('lxc.net.N.hwaddr', mac, '10:66:6a:xx:xx:xx', 'MAC address inside; x is replaced by a random digit in the file.'),
  mtu: scalar('lxc.net.N.mtu', integer(1, 2 ** 31 - 1), '1500', 'Largest packet.'),
  ipv4: list('lxc.net.N.ipv4.address', ipv4Address, '10.0.3.50/24', 'IPv4 address with prefix, and broadcast address.'),
  ipv4Gateway: scalar('lxc.net.N.ipv4.gateway', ipv4Gateway, 'auto', 'IPv4 gateway; auto: the address of link; dev: the interface itself.'),
  ipv6: list('lxc.net.N.ipv6.address', ipv6Address, 'fd00::50/64', 'IPv6 address with prefix.'),
  ipv6Gateway: scalar('lxc.net.N.ipv6.gateway', ipv6Gateway, 'auto', 'IPv6 gateway, as for IPv4.'),
  l2proxy: scalar('lxc.net.N.l2proxy', bool, '1', 'Answer for its addresses on link (proxy ARP and NDP).', { since: '3.2', unset: '0' }),
  scriptUp: scalar('lxc.net.N.script.up', text, '/usr/local/bin/net-up', 'Program run on the host when the interface was made.'),
  scriptDown: scalar('lxc.net.N.script.down', text, '/usr/local/bin/net-down', 'Program run on the host before it goes away.'),
  vethPair: scalar('lxc.net.N.veth.pair', interfaceName, 'web0', 'Name of the host end; default a random one.'),
  vethMode: scalar(
    'lxc.net.N.veth.mode', oneOf(['bridge', 'router']), 'bridge', 'How the host end is connected.', { since: '3.2', unset: 'bridge' },
  ),
  vethRoutes4: list('lxc.net.N.veth.ipv4.route', ipv4Route, '192.0.2.0/24', 'Route on the host to this interface.', { since: '3.2' }),
  vethRoutes6: list('lxc.net.N.veth.ipv6.route', ipv6Route, '2001:db8::/64', 'Route on the host to this interface.', { since: '3.2' }),
  vethVlanId: scalar(
    'lxc.net.N.veth.vlan.id', vlanOrNone, '10', 'VLAN of untagged packets on the bridge port.', { since: '4.0', unset: '0' },
  ),
  vethVlanTagged: list('lxc.net.N.veth.vlan.tagged.id', vlan, '20', 'VLAN that the bridge port takes tagged.', { since: '4.0' }),
  vethRxQueues: scalar('lxc.net.N.veth.n_rxqueues', queues, '4', 'Receive queues.', { since: '4.0' }),
  vethTxQueues: scalar('lxc.net.N.veth.n_txqueues', queues, '4', 'Send queues.', { since: '4.0' }),
  macvlanMode: scalar(
    'lxc.net.N.macvlan.mode', oneOf(['private', 'vepa', 'bridge', 'passthru']), 'bridge',
    'Who reaches whom on one parent; default private.', { unset: 'private' },
  ),
  ipvlanMode: scalar(
    'lxc.net.N.ipvlan.mode', oneOf(['l3', 'l3s', 'l2']), 'l2', 'Layer at which packets are switched; default l3.',
    { since: '3.2', unset: 'l2' },
  ),
  ipvlanIsolation: scalar(
    'lxc.net.N.ipvlan.isolation', oneOf(['bridge', 'private', 'vepa']), 'bridge', 'Who reaches whom on one parent; default bridge.',
    { since: '3.2', unset: 'bridge' },
  ),
  vlanId: scalar('lxc.net.N.vlan.id', vlan, '7', 'VLAN id.', { unset: '0' }),
}

export const NETWORK_CLEAR: readonly KeyRow[] = [
  clearing('lxc.net', 'An empty value clears all interfaces.'),
  clearing('lxc.net.N', 'An empty value clears this interface.'),
]

/** The kind of interface that a key is only for: lxc.net.N.KIND.… */
export function requiredNetType(key: string): string | null {
  return /^lxc\.net\.(?:[0-9]+|N)\.(veth|macvlan|ipvlan|vlan)\./.exec(key)?.[1] ?? null
}

export const includeCodec: Codec<string> = matching('the absolute path of a file or directory', (raw) => raw.startsWith('/'))
