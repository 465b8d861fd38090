/** The text of tlxc-net status, in the shape of lxc-info. */

/** What the text tells of network/status.ts's NetworkStatus. */
export interface NetworkSummary {
  readonly bridge: string
  readonly state: string
  readonly ipv4: string | null
  readonly ipv6: string | null
  readonly domain: string
  readonly nat: boolean
  readonly dnsmasq_pid: number | null
  readonly leases: readonly { address: string; hwaddr: string; name: string }[]
  readonly blockers: readonly string[]
}

export function networkText(status: NetworkSummary): string {
  const rows: (readonly [string, string])[] = [
    ['Bridge', status.bridge],
    ['State', status.state.toUpperCase()],
    ...optional('IPv4', status.ipv4),
    ...optional('IPv6', status.ipv6),
    ['Domain', status.domain],
    ['NAT', status.nat ? 'yes' : 'no'],
    ...optional('DNS/DHCP', status.dnsmasq_pid === null ? null : `dnsmasq, process ${status.dnsmasq_pid}`),
    ...status.leases.map((lease) => ['Lease', `${lease.address} ${lease.name || lease.hwaddr}`] as const),
    ...status.blockers.map((blocker) => ['In the way', blocker] as const),
  ]
  return rows.map(([name, value]) => `${`${name}:`.padEnd(15)} ${value}\n`).join('')
}

function optional(name: string, value: string | null): (readonly [string, string])[] {
  return value === null ? [] : [[name, value]]
}
