/** IPv4 and IPv6 arithmetic, and the choice of a network that collides with nothing. Pure. */

/** A network: first address as number (32 or 128 bits) and prefix length. */
export interface Network {
  family: 4 | 6
  base: bigint
  prefix: number
}

/** Parses "10.0.4.1/24"; null when it is no address with a prefix length. */
export function parseCidr(text: string): { family: 4 | 6; value: bigint; prefix: number } | null {
  const [address = '', length = '', more] = text.split('/')
  const prefix = /^\d{1,3}$/.test(length) ? Number(length) : -1
  const family = address.includes(':') ? 6 : 4
  const value = family === 6 ? parseIpv6(address) : parseIpv4(address)
  const bits = family === 6 ? 128 : 32
  return value === null || more !== undefined || prefix < 0 || prefix > bits ? null : { family, value, prefix }
}

export function networkOf(cidr: { family: 4 | 6; value: bigint; prefix: number }): Network {
  return { family: cidr.family, base: cidr.value & mask(cidr.family, cidr.prefix), prefix: cidr.prefix }
}

export function overlaps(a: Network, b: Network): boolean {
  if (a.family !== b.family) return false
  const shorter = mask(a.family, Math.min(a.prefix, b.prefix))
  return (a.base & shorter) === (b.base & shorter)
}

export function formatIpv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.')
}

export function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16))
  const zeros = longestZeroRun(groups)
  if (zeros === null) return groups.join(':')
  return `${groups.slice(0, zeros.start).join(':')}::${groups.slice(zeros.start + zeros.length).join(':')}`
}

/** First of our candidate /24 networks (10.0.4.0 upwards, then 172.31, then 192.168) that overlaps none of `taken`; null if none is free. */
export function freeIpv4Network(taken: readonly Network[]): Network | null {
  for (const base of candidates()) {
    const network: Network = { family: 4, base, prefix: 24 }
    if (!taken.some((other) => overlaps(network, other))) return network
  }
  return null
}

/** Networks of /proc/net/route (proc(5): hexadecimal, byte order of the machine, here little-endian), default route left out. */
export function parseRoutes4(text: string): { network: Network; device: string }[] {
  return text.split('\n').slice(1).flatMap((line) => {
    const [device = '', destination = '', , , , , , maskHex = ''] = line.trim().split(/\s+/)
    if (!/^[0-9A-F]{8}$/.test(destination) || !/^[0-9A-F]{8}$/.test(maskHex)) return []
    const prefix = bitsOf(swap(maskHex))
    return prefix === 0 ? [] : [{ device, network: { family: 4, base: swap(destination), prefix } }]
  })
}

/** The unique local network of a machine for one bridge: fd + 40 bits of the digest given + subnet 0 (RFC 4193 section 3.2). */
export function uniqueLocalNetwork(digest: string): Network {
  return { family: 6, base: BigInt(`0xfd${digest.slice(0, 10)}`) << 80n, prefix: 64 }
}

function* candidates(): Generator<bigint> {
  for (let i = 4n; i < 256n; i++) yield (10n << 24n) | (i << 8n)
  for (let i = 0n; i < 256n; i++) yield (172n << 24n) | (31n << 16n) | (i << 8n)
  for (let i = 100n; i < 256n; i++) yield (192n << 24n) | (168n << 16n) | (i << 8n)
}

function mask(family: 4 | 6, prefix: number): bigint {
  const bits = family === 4 ? 32n : 128n
  const host = bits - BigInt(prefix)
  return ((1n << bits) - 1n) ^ ((1n << host) - 1n)
}

function parseIpv4(text: string): bigint | null {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return null
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n)
}

function parseIpv6(text: string): bigint | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null
  const groups = [...head, ...Array<string>(halves.length === 1 ? 0 : missing).fill('0'), ...tail]
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return null
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } | null {
  let best: { start: number; length: number } | null = null
  for (let i = 0; i < groups.length; i++) {
    let end = i
    while (groups[end] === '0') end++
    if (end - i > Math.max(best?.length ?? 0, 1)) best = { start: i, length: end - i }
    i = Math.max(end - 1, i)
  }
  return best
}

function swap(hex: string): bigint {
  return BigInt(`0x${(hex.match(/../g) ?? []).reverse().join('')}`)
}

function bitsOf(value: bigint): number {
  return value.toString(2).replaceAll('0', '').length
}
