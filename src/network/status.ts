/** What tlxc-net status tells. */
import type { Host } from '../host/host.ts'
import { parseChains, strangersThatDrop } from './foreign.ts'
import type { NetworkSettings } from './settings.ts'
import { dnsmasqPid, isBridge, isServed, networkFiles, portsOf, readState } from './state.ts'

export interface Lease {
  address: string
  name: string
  hwaddr: string
}

export interface NetworkStatus {
  bridge: string
  /** up; degraded: the bridge is there but dnsmasq is not; external: somebody else's bridge; down */
  state: 'up' | 'degraded' | 'external' | 'down'
  ipv4: string | null
  ipv6: string | null
  domain: string
  nat: boolean
  dnsmasq_pid: number | null
  ports: string[]
  leases: Lease[]
  /** Firewalls that may drop the containers' packets and that tlxc does not touch. */
  blockers: string[]
}

export async function networkStatus(host: Host, settings: NetworkSettings): Promise<NetworkStatus> {
  const state = readState(host, settings.bridge)
  const plan = state?.plan
  const pid = dnsmasqPid(host, settings.bridge)
  const there = isBridge(host, settings.bridge)
  return {
    bridge: settings.bridge,
    state: !there ? 'down' : state === null ? 'external' : isServed(host, state) ? 'up' : 'degraded',
    ipv4: plan?.ipv4 ? `${plan.ipv4.address}/${plan.ipv4.prefix}` : null,
    ipv6: plan?.ipv6 ? `${plan.ipv6.address}/${plan.ipv6.prefix}` : null,
    domain: plan?.domain ?? settings.domain,
    nat: plan?.nat ?? settings.nat,
    dnsmasq_pid: pid,
    ports: portsOf(host, settings.bridge),
    leases: readLeases(host, settings.bridge),
    blockers: await blockers(host),
  }
}

/** Lines of dnsmasq's lease file: expiry, hardware address, address, name or *, client id. */
export function parseLeases(text: string): Lease[] {
  return text.split('\n').flatMap((line) => {
    const [expiry = '', hwaddr = '', address = '', name = ''] = line.split(' ')
    return /^\d+$/.test(expiry) && address !== '' ? [{ address, name: name === '*' ? '' : name, hwaddr }] : []
  })
}

function readLeases(host: Host, bridge: string): Lease[] {
  const file = networkFiles(host, bridge).leases
  return host.fs.existsSync(file) ? parseLeases(host.fs.readFileSync(file, 'utf8')) : []
}

async function blockers(host: Host): Promise<string[]> {
  const found: string[] = []
  try {
    const chains = await host.exec('nft', ['-j', 'list', 'chains'])
    if (chains.exitCode === 0) found.push(...strangersThatDrop(parseChains(chains.stdout)))
  } catch {
    found.push('there is no program "nft" (package nftables), so NAT cannot work')
  }
  const legacy = '/proc/net/ip_tables_names'
  if (host.fs.existsSync(legacy) && host.fs.readFileSync(legacy, 'utf8').split('\n').includes('filter')) {
    found.push('rules of iptables-legacy, which nft cannot see')
  }
  return found
}
