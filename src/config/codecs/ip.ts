/** Numeric IP addresses without node:net, which pure folders do not import. */

export function isIpv4(text: string): boolean {
  const parts = text.split('.')
  return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255)
}

export function isIpv6(text: string): boolean {
  return readGroups(text) !== null
}

/** The eight groups. Call it only with what isIpv6 accepts. */
export function parseIpv6(text: string): readonly number[] {
  return readGroups(text) ?? []
}

/** As inet_ntop(3), RFC 5952: lower case, the first longest run of zero groups as "::"; embedded IPv4 addresses with dots. */
export function formatIpv6(groups: readonly number[]): string {
  let best = { start: -1, length: 1 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  const hex = groups.map((group) => group.toString(16))
  if (best.start < 0) return hex.join(':')
  if (best.start === 0 && (best.length === 6 || (best.length === 5 && groups[5] === 0xffff))) {
    return `${best.length === 6 ? '::' : '::ffff:'}${dotted(groups.slice(6))}`
  }
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`
}

const dotted = (groups: readonly number[]): string => groups.flatMap((group) => [group >> 8, group & 0xff]).join('.')

function readGroups(text: string): number[] | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':').flatMap(readGroup)))
  const groups = [...(head ?? []), ...(tail ?? [])]
  if (groups.some(Number.isNaN)) return null
  if (halves.length === 1) return groups.length === 8 ? groups : null
  if (groups.length > 7) return null
  return [...(head ?? []), ...Array<number>(8 - groups.length).fill(0), ...(tail ?? [])]
}

/** One group, or two for a dotted quad; NaN when it is neither. */
function readGroup(part: string, index: number, all: readonly string[]): number[] {
  if (/^[0-9a-fA-F]{1,4}$/.test(part)) return [Number.parseInt(part, 16)]
  if (index !== all.length - 1 || !isIpv4(part)) return [Number.NaN]
  const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number)
  return [a * 256 + b, c * 256 + d]
}
