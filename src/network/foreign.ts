/**
 * Other people's firewalls. In nftables an accept ends only its own chain, so nothing in a table of ours lets a packet past another
 * table's drop (nft(8), "verdict statement"). Where iptables-nft keeps its chains (Docker, ufw: table filter, policy drop) our accept
 * rules are therefore put into those, marked by a comment, and taken out by it. Elsewhere we only say who drops. Pure.
 */

export interface Chain {
  family: string
  table: string
  name: string
  hook?: string
  policy?: string
}

export interface ChainRef {
  family: string
  table: string
  chain: string
}

/** Chains of `nft -j list chains`; unreadable output gives none. */
export function parseChains(json: string): Chain[] {
  return objectsOf(json, 'chain').map((chain) => ({
    family: text(chain, 'family'),
    table: text(chain, 'table'),
    name: text(chain, 'name'),
    ...('hook' in chain ? { hook: text(chain, 'hook') } : {}),
    ...('policy' in chain ? { policy: text(chain, 'policy') } : {}),
  }))
}

/** Handles of our rules in the output of `nft -j -a list chain`. */
export function ownHandles(json: string, bridge: string): number[] {
  return objectsOf(json, 'rule').flatMap((rule) => (rule['comment'] === mark(bridge) && typeof rule['handle'] === 'number' ? [rule['handle']] : []))
}

/** Where accept rules go: DOCKER-USER (which Docker leaves to people) or else FORWARD, and INPUT, each only where the policy is drop. */
export function chainsToOpen(chains: readonly Chain[], families: readonly ('ip' | 'ip6')[]): ChainRef[] {
  return families.flatMap((family) => {
    const filter = chains.filter((chain) => chain.family === family && chain.table === 'filter')
    const drops = (hook: string): Chain | undefined => filter.find((chain) => chain.hook === hook && chain.policy === 'drop')
    const docker = filter.find((chain) => chain.name === 'DOCKER-USER')
    return [docker ?? drops('forward'), drops('input')].flatMap((chain) => (chain ? [{ family, table: 'filter', chain: chain.name }] : []))
  })
}

/** Base chains that drop what is forwarded and that we leave alone: "table inet filter, chain forward". */
export function strangersThatDrop(chains: readonly Chain[]): string[] {
  return chains
    .filter((chain) => chain.policy === 'drop' && (chain.hook === 'forward' || chain.hook === 'input'))
    .filter((chain) => !((chain.family === 'ip' || chain.family === 'ip6') && chain.table === 'filter'))
    .map((chain) => `table ${chain.family} ${chain.table}, chain ${chain.name}`)
}

/** Input of `nft -f` that puts our rules at the head of these chains. */
export function openText(refs: readonly ChainRef[], bridge: string): string {
  return refs
    .flatMap((ref) => acceptRules(ref, bridge).map((rule) => `insert rule ${ref.family} ${ref.table} ${ref.chain} ${rule} counter accept comment "${mark(bridge)}"\n`))
    .join('')
}

function acceptRules(ref: ChainRef, bridge: string): string[] {
  const from = `iifname "${bridge}"`
  if (ref.chain !== 'INPUT') return [from, `oifname "${bridge}" ct state established,related`]
  const dhcp = ref.family === 'ip6' ? '547' : '67'
  const neighbours = ref.family === 'ip6' ? [`${from} meta l4proto ipv6-icmp`] : []
  return [`${from} udp dport { 53, ${dhcp} }`, `${from} tcp dport 53`, ...neighbours]
}

function mark(bridge: string): string {
  return `tlxc ${bridge}`
}

function objectsOf(json: string, kind: string): Record<string, unknown>[] {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return []
  }
  const list = isRecord(value) && Array.isArray(value['nftables']) ? (value['nftables'] as unknown[]) : []
  return list.flatMap((item) => (isRecord(item) && isRecord(item[kind]) ? [item[kind]] : []))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function text(record: Record<string, unknown>, key: string): string {
  const value = record[key]
  return typeof value === 'string' ? value : ''
}
