/** What the network of a container needs on the host before it starts. */
import type { ContainerConfig, NetConfig } from '../config/types.ts'
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { HostFacts } from '../launch/host-facts.ts'
import { LXC_BRIDGE, type NetworkSettings } from '../network/settings.ts'
import { interfaceExists, networkIsUp } from '../network/state.ts'

export interface NetworkOptions {
  notice: (text: string) => void
  /** false: for --explain, nothing is made. */
  touch: boolean
}

/** What a start would find once the managed bridge is up, for --explain: nothing is made. */
export function withManagedBridge(facts: HostFacts, settings: NetworkSettings): HostFacts {
  if (facts.interfaces[settings.bridge]) return facts
  return { ...facts, interfaces: { ...facts.interfaces, [settings.bridge]: { bridge: true, ipv4: [], ipv6: [] } } }
}

/**
 * Brings the managed bridge up when a device is plugged into it, or into an lxcbr0 that does not exist; such a device is connected to
 * the managed one instead, with a notice. Throws TlxcError NETWORK, naming the line, for any other interface that does not exist.
 */
export async function prepareNetwork(host: Host, config: ContainerConfig, settings: NetworkSettings, { notice, touch }: NetworkOptions): Promise<ContainerConfig> {
  let managed = false
  const network = config.network.map((device) => {
    if (device.link === undefined || device.type === 'none' || device.type === 'empty') return device
    const missing = !interfaceExists(host, device.link)
    const replaced = missing && device.link === LXC_BRIDGE && settings.bridge !== LXC_BRIDGE && device.type === 'veth'
    if (replaced) notice(`there is no ${LXC_BRIDGE}, using ${settings.bridge} instead`)
    managed ||= replaced || device.link === settings.bridge
    if (missing && !replaced && device.link !== settings.bridge && !isWildcard(device)) throw missingLink(device)
    return replaced ? { ...device, link: settings.bridge } : device
  })
  if (touch && managed && !networkIsUp(host, settings.bridge)) {
    const { ensureNetwork } = await import('../network/up.ts')
    await ensureNetwork(host, settings)
  }
  return { ...config, network }
}

/** "eth+": any interface that begins so; the planner looks for it. */
function isWildcard(device: NetConfig): boolean {
  return device.type === 'phys' && device.link?.endsWith('+') === true
}

function missingLink({ link = '', type, index, where }: NetConfig): TlxcError {
  const make = type === 'veth' ? `make it: ip link add ${link} type bridge && ip link set ${link} up; or` : 'list the interfaces: ip link; and'
  const what = type === 'veth' ? 'bridge' : 'interface'
  return new TlxcError('NETWORK', `cannot connect its network: ${what} "${link}" does not exist (${where.file}:${where.line})`, {
    hint: `${make} set lxc.net.${index}.link`,
  })
}
