/** What a managed bridge is made of, and the texts that ip, nft and dnsmasq are given. Pure. */
import { TlxcError } from '../errors.ts'
import type { NetworkSettings } from './settings.ts'
import {
  formatIpv4, formatIpv6, freeIpv4Network, networkOf, overlaps, parseCidr, uniqueLocalNetwork, type Network,
} from './subnet.ts'

export interface BridgeAddress {
  /** The bridge's own. */
  address: string
  prefix: number
  /** Of the network, with prefix length. */
  network: string
}

export interface BridgePlan {
  bridge: string
  hwaddr: string
  mtu?: number
  domain: string
  nat: boolean
  ipv4?: BridgeAddress & { first: string; last: string; leases: number }
  ipv6?: BridgeAddress
}

/** What is known of the machine when a bridge is planned. */
export interface NetworkFacts {
  /** Networks in use, with the interface that has them; the bridge's own left out. */
  taken: readonly { network: Network; device: string }[]
  /** Hexadecimal digest that stays the same on this machine for this bridge, at least 20 digits. */
  digest: string
}

/** Throws TlxcError NETWORK for settings that make no bridge, or when every candidate network is in use. */
export function planBridge(settings: NetworkSettings, facts: NetworkFacts): BridgePlan {
  if (!isInterfaceName(settings.bridge)) throw invalid('bridge', settings.bridge, 'an interface name has 1 to 15 characters A-Z a-z 0-9 _ . -')
  return {
    bridge: settings.bridge,
    // Locally administered unicast (IEEE 802): second bit of the first byte set, first one clear.
    hwaddr: `02:${(facts.digest.slice(10, 20).match(/../g) ?? []).join(':')}`,
    ...(settings.mtu === undefined ? {} : { mtu: settings.mtu }),
    domain: settings.domain,
    nat: settings.nat,
    ...(settings.ipv4 === 'none' ? {} : { ipv4: planIpv4(settings.ipv4, facts.taken) }),
    ...(settings.ipv6 === 'none' ? {} : { ipv6: planIpv6(settings.ipv6, facts.digest) }),
  }
}

export function isInterfaceName(name: string): boolean {
  return /^[A-Za-z0-9_.-]{1,15}$/.test(name) && name !== '.' && name !== '..'
}

/** nft identifiers allow every character of an interface name but must begin with a letter, hence the prefix. */
export function tableName(bridge: string): string {
  return `tlxc-${bridge}`
}

/** Input of `ip -batch`: a fixed hardware address, because a bridge otherwise takes its lowest port's and loses it with the port. */
export function linkBatch(plan: BridgePlan): string {
  const lines = [`link add name ${plan.bridge} address ${plan.hwaddr} type bridge stp_state 0 forward_delay 0`]
  if (plan.mtu !== undefined) lines.push(`link set dev ${plan.bridge} mtu ${plan.mtu}`)
  if (plan.ipv4) lines.push(`address add ${plan.ipv4.address}/${plan.ipv4.prefix} broadcast + dev ${plan.bridge}`)
  if (plan.ipv6) lines.push(`address add ${plan.ipv6.address}/${plan.ipv6.prefix} dev ${plan.bridge} nodad`)
  return [...lines, `link set dev ${plan.bridge} up`, ''].join('\n')
}

/** Input of `nft -f`: makes our table anew in one transaction. Accepting is in foreign.ts: a verdict here cannot overrule another table's drop. */
export function rulesetText(plan: BridgePlan): string {
  const name = tableName(plan.bridge)
  const masquerade = [
    ...(plan.ipv4 ? [`    ip saddr ${plan.ipv4.network} ip daddr != { ${plan.ipv4.network}, 224.0.0.0/4, 255.255.255.255 } counter masquerade`] : []),
    ...(plan.ipv6 ? [`    ip6 saddr ${plan.ipv6.network} ip6 daddr != { ${plan.ipv6.network}, fe80::/10, ff00::/8 } counter masquerade`] : []),
  ]
  return [
    `add table inet ${name}`,
    `delete table inet ${name}`,
    `table inet ${name} {`,
    '  chain postrouting {',
    '    type nat hook postrouting priority srcnat; policy accept;',
    ...(plan.nat ? masquerade : []),
    '  }',
    '}',
    '',
  ].join('\n')
}

export interface DnsmasqFiles {
  pid: string
  leases: string
}

/** Else each first offer of an address waits 3 s for an echo; nobody but this server gives the addresses of its range away. */
const NO_PING = '--no-ping'

/** Command line of dnsmasq; it reads no configuration of the host's but its upstream name servers. */
export function dnsmasqArgs(plan: BridgePlan, files: DnsmasqFiles, user: string): string[] {
  const { bridge, ipv4, ipv6 } = plan
  const addresses = [ipv4?.address, ipv6?.address].filter((address) => address !== undefined)
  return [
    '--conf-file=/dev/null', '--no-hosts', `--user=${user}`, '--bind-interfaces', `--interface=${bridge}`, '--except-interface=lo',
    ...addresses.map((address) => `--listen-address=${address}`),
    `--pid-file=${files.pid}`, `--dhcp-leasefile=${files.leases}`, '--dhcp-authoritative', '--dhcp-no-override', NO_PING, '--strict-order',
    `--domain=${plan.domain}`, `--local=/${plan.domain}/`, `--host-record=host.${plan.domain},${addresses.join(',')}`,
    // Two hours: a lease outlives a restart of the container, and the pool does not fill up with ephemeral ones.
    ...(ipv4 ? [`--dhcp-range=${ipv4.first},${ipv4.last},2h`, `--dhcp-lease-max=${ipv4.leases}`] : []),
    ...(ipv6 ? ['--enable-ra', `--dhcp-range=::,constructor:${bridge},ra-names,slaac,64,2h`] : []),
  ]
}

function planIpv4(setting: string, taken: NetworkFacts['taken']): NonNullable<BridgePlan['ipv4']> {
  if (setting === 'auto') {
    const network = freeIpv4Network(taken.map((entry) => entry.network))
    if (network === null) {
      throw new TlxcError('NETWORK', 'cannot choose an IPv4 network for the bridge: every candidate is in use', { hint: 'set one: ipv4 = ADDRESS/LENGTH in [network] of tlxc.conf' })
    }
    return withRange(network, network.base + 1n)
  }
  const cidr = parseCidr(setting)
  if (cidr === null || cidr.family !== 4 || cidr.prefix > 29) throw invalid('ipv4', setting, 'expected auto, none, or an address with a prefix length up to 29, as 10.0.4.1/24')
  const network = networkOf(cidr)
  if (cidr.value === network.base) throw invalid('ipv4', setting, 'that is the network; the address of the bridge is needed, as 10.0.4.1/24')
  const other = taken.find((entry) => overlaps(entry.network, network))
  if (other) throw invalid('ipv4', setting, `the network is in use on "${other.device}"`)
  return withRange(network, cidr.value)
}

/** All other host addresses of the network; the bridge's own is expected at its start or end, else the larger side is taken. */
function withRange(network: Network, own: bigint): NonNullable<BridgePlan['ipv4']> {
  const lowest = network.base + 1n
  const highest = network.base + (1n << BigInt(32 - network.prefix)) - 2n
  const [first, last] = own - lowest > highest - own ? [lowest, own - 1n] : [own + 1n, highest]
  return {
    address: formatIpv4(own),
    prefix: network.prefix,
    network: `${formatIpv4(network.base)}/${network.prefix}`,
    first: formatIpv4(first),
    last: formatIpv4(last),
    leases: Number(last - first + 1n),
  }
}

function planIpv6(setting: string, digest: string): BridgeAddress {
  const cidr = setting === 'auto' ? { ...uniqueLocalNetwork(digest), value: uniqueLocalNetwork(digest).base + 1n } : parseCidr(setting)
  // SLAAC works with /64 only (RFC 4862 with RFC 4291).
  if (cidr === null || cidr.family !== 6 || cidr.prefix !== 64) throw invalid('ipv6', setting, 'expected auto, none, or an address with /64')
  const network = networkOf(cidr)
  return { address: formatIpv6(cidr.value), prefix: 64, network: `${formatIpv6(network.base)}/64` }
}

function invalid(key: string, value: string, reason: string): TlxcError {
  return new TlxcError('NETWORK', `cannot use ${key} = "${value}": ${reason}`, { hint: `correct ${key} in [network] of tlxc.conf` })
}
