/** lxc.net.N.* → finished devices. */
import type { NetConfig } from '../config/types.ts'
import { TlxcError } from '../errors.ts'
import type { Address, Namespace, NetDevice, NetType, SharedNamespace } from '../protocol/generated.ts'
import type { HostFacts } from './host-facts.ts'
import { hookArguments, hookArgv } from './hooks.ts'
import { at, type LaunchInput, type Warnings } from './input.ts'

/** linux/if.h IFNAMSIZ without the NUL. */
const MAX_NAME = 15
/** The prefix that LXC 6 uses, locally administered. */
const MAC_PREFIX = '10:66:6a'

export function planNetwork(
  input: LaunchInput,
  namespaces: { clone: readonly Namespace[]; share: readonly SharedNamespace[] },
  warnings: Warnings,
): NetDevice[] {
  const devices = input.config.network.filter((device) => device.type !== 'none').toSorted((a, b) => a.index - b.index)
  if (namespaces.clone.includes('net')) return devices.map((device) => planDevice(device, input, warnings))
  const isShared = namespaces.share.some(({ kind }) => kind === 'net')
  if (devices.length > 0 && !isShared) warnings.add('the network namespace of the host is kept: lxc.net.* devices are ignored')
  return []
}

function planDevice(device: NetConfig, input: LaunchInput, warnings: Warnings): NetDevice {
  const type = requireType(device)
  checkNames(device)
  checkLink(device, type, input.facts, warnings)
  const link = linkOf(device, type, input.facts)
  return {
    index: device.index,
    type,
    name: device.name,
    link,
    host_name: type === 'veth' ? device.vethPair : undefined,
    hwaddr: hardwareAddress(device, type, input.random),
    mtu: device.mtu,
    up: device.up ?? false,
    addresses: addresses(device),
    gateway4: gateway(device, 'ipv4', input.facts),
    gateway6: gateway(device, 'ipv6', input.facts),
    mode: mode(device, type),
    isolation: type === 'ipvlan' ? (device.ipvlanIsolation ?? 'bridge') : undefined,
    vlan_id: type === 'vlan' ? vlanId(device) : undefined,
    bridge_vlan_id: type === 'veth' ? device.vethVlanId : undefined,
    bridge_vlan_tagged: type === 'veth' ? [...device.vethVlanTagged] : [],
    routes4: type === 'veth' ? [...device.vethRoutes4] : [],
    routes6: type === 'veth' ? [...device.vethRoutes6] : [],
    n_rxqueues: device.vethRxQueues,
    n_txqueues: device.vethTxQueues,
    script_up: script(device.scriptUp, input, 'up', type),
    script_down: script(device.scriptDown, input, 'down', type),
    l2proxy: device.l2proxy ?? false,
  }
}

function requireType(device: NetConfig): NetType {
  if (device.type !== undefined && device.type !== 'none') return device.type
  throw netError(device, 'it has no type', `add lxc.net.${device.index}.type = veth before its other keys`)
}

function checkNames(device: NetConfig): void {
  for (const name of [device.name, device.link, device.vethPair]) {
    if (name === undefined || (/^[^\s/:]+$/.test(name) && Buffer.byteLength(name) <= MAX_NAME && name !== '.' && name !== '..')) continue
    throw netError(device, `"${name}" is no interface name`, `at most ${MAX_NAME} bytes, no blank, slash or colon`)
  }
}

function checkLink(device: NetConfig, type: NetType, facts: HostFacts, warnings: Warnings): void {
  const { link } = device
  if (link === undefined) {
    if (type === 'macvlan' || type === 'ipvlan' || type === 'vlan' || type === 'phys') {
      throw netError(device, `type ${type} needs a link`, `add lxc.net.${device.index}.link = INTERFACE`)
    }
    return
  }
  if (type === 'empty' || (type === 'phys' && link.endsWith('+') && hasPrefix(facts, link.slice(0, -1)))) return
  const found = Object.hasOwn(facts.interfaces, link) ? facts.interfaces[link] : undefined
  const isBridge = type === 'veth' && device.vethMode !== 'router'
  if (found === undefined) throw missingLink(device, link, isBridge ? 'bridge' : 'interface')
  if (isBridge && !found.bridge) warnings.add(`"${link}" is no Linux bridge: lxc.net.${device.index} may not attach`, device.where)
}

/** "eth+" of a physical device: the first of that beginning that is there. */
function linkOf({ link }: NetConfig, type: NetType, facts: HostFacts): string | undefined {
  if (type !== 'phys' || link?.endsWith('+') !== true || Object.hasOwn(facts.interfaces, link)) return link
  const prefix = link.slice(0, -1)
  const found = Object.keys(facts.interfaces).filter((name) => name.startsWith(prefix))
  return found.sort((a, b) => a.length - b.length || (a < b ? -1 : 1))[0]
}

function hasPrefix(facts: HostFacts, prefix: string): boolean {
  return Object.keys(facts.interfaces).some((name) => name.startsWith(prefix))
}

function missingLink(device: NetConfig, link: string, what: 'bridge' | 'interface'): TlxcError {
  const make = `make it: ip link add ${link} type bridge && ip link set ${link} up; or change the link`
  const mend = what === 'bridge' ? make : 'ip link shows which there are'
  return netError(device, `${what} "${link}" does not exist`, mend)
}

function netError(device: NetConfig, reason: string, hint: string): TlxcError {
  return new TlxcError('NETWORK', `cannot connect lxc.net.${device.index} (${at(device.where)}): ${reason}`, { hint })
}

/** ipvlan and vlan take over their parent's, phys has its own. x in a configured one stands for a random digit. */
function hardwareAddress(device: NetConfig, type: NetType, random: () => number): string | undefined {
  const template = device.hwaddr ?? (type === 'veth' || type === 'macvlan' ? `${MAC_PREFIX}:xx:xx:xx` : undefined)
  return template?.replace(/x/gi, () => Math.floor(random() * 16).toString(16)).toLowerCase()
}

function addresses(device: NetConfig): Address[] {
  return [
    ...device.ipv4.map(({ address, prefix, broadcast }) => ({ family: 4, address, prefix, broadcast })),
    ...device.ipv6.map(({ address, prefix }) => ({ family: 6, address, prefix })),
  ]
}

/** auto: the first address of the link on the host. */
function gateway(device: NetConfig, family: 'ipv4' | 'ipv6', facts: HostFacts): string | undefined {
  const value = family === 'ipv4' ? device.ipv4Gateway : device.ipv6Gateway
  if (value !== 'auto') return value
  const { link } = device
  if (link === undefined || (device.type !== 'veth' && device.type !== 'macvlan' && device.type !== 'ipvlan')) {
    const reason = `${family}.gateway = auto needs a link, and a type of veth, macvlan or ipvlan`
    throw netError(device, reason, 'write the address of the gateway')
  }
  const address = facts.interfaces[link]?.[family][0]
  if (address === undefined) {
    throw netError(device, `${family}.gateway = auto: "${link}" has no ${family} address`, 'give it one, or write the address')
  }
  return address.replace(/%.*$/, '')
}

function mode(device: NetConfig, type: NetType): string | undefined {
  if (type === 'veth') return device.vethMode ?? 'bridge'
  if (type === 'macvlan') return device.macvlanMode ?? 'private'
  if (type === 'ipvlan') return device.ipvlanMode ?? 'l3'
  return undefined
}

function vlanId(device: NetConfig): number {
  if (device.vlanId !== undefined) return device.vlanId
  throw netError(device, 'type vlan needs vlan.id', `add lxc.net.${device.index}.vlan.id = 1…4094`)
}

function script(command: string | undefined, input: LaunchInput, change: 'up' | 'down', type: NetType): string[] {
  return command === undefined ? [] : hookArgv({ command }, hookArguments(input, 'net', change, type))
}
