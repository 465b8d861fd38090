/** MAC, IPv4 and IPv6 addresses. */
import { ValueError, matching, type Codec } from './codec.ts'
import { formatIpv6, isIpv4, isIpv6, parseIpv6 } from './ip.ts'

/** aa:bb:cc:dd:ee:ff; x stands for a random digit. */
export const mac: Codec<string> = matching('a MAC address like 10:66:6a:xx:xx:xx (x: random)', (raw) =>
  /^([0-9a-fA-FxX]{2}:){5}[0-9a-fA-FxX]{2}$/.test(raw),
)

export interface Ipv4Address {
  address: string
  prefix: number
  broadcast?: string
}

/** `A.B.C.D[/PREFIX] [BROADCAST]`. Without a prefix LXC guesses by class; see defaultPrefix. */
export const ipv4Address: Codec<Ipv4Address> = {
  expects: 'A.B.C.D/PREFIX [BROADCAST]',
  parse: (raw) => {
    const match = /^([0-9.]+)(?:\/([0-9]{1,2}))?(?:[ \t]+([0-9.]+))?$/.exec(raw)
    const [, address = '', prefix, broadcast] = match ?? []
    if (!match || !isIpv4(address) || Number(prefix ?? 0) > 32 || (broadcast !== undefined && !isIpv4(broadcast))) {
      throw new ValueError(`"${raw}" is not ${ipv4Address.expects}`)
    }
    const network = { address, prefix: prefix === undefined ? defaultPrefix(address) : Number(prefix) }
    return broadcast === undefined ? network : { ...network, broadcast }
  },
  format: ({ address, prefix, broadcast }) => `${address}/${prefix}${broadcast === undefined ? '' : ` ${broadcast}`}`,
}

/** LXC takes the class from the *last* byte (it forgets ntohl on little-endian machines); its configurations rely on what comes out. */
function defaultPrefix(address: string): number {
  const last = Number(address.split('.')[3])
  return last < 128 ? 8 : last < 192 ? 16 : last < 224 ? 24 : 0
}

export interface Ipv6Address {
  address: string
  prefix: number
}

/** `X:Y::Z[/PREFIX]`, prefix 64 when not given; the address in its shortest form (RFC 5952). */
export const ipv6Address: Codec<Ipv6Address> = {
  expects: 'X:Y::Z/PREFIX',
  parse: (raw) => {
    const match = /^([0-9a-fA-F:.]+)(?:\/([0-9]{1,3}))?$/.exec(raw)
    const [, address = '', prefix = '64'] = match ?? []
    if (!match || !isIpv6(address) || Number(prefix) > 128) throw new ValueError(`"${raw}" is not ${ipv6Address.expects}`)
    return { address: formatIpv6(parseIpv6(address)), prefix: Number(prefix) }
  },
  format: ({ address, prefix }) => `${address}/${prefix}`,
}

export const ipv4Gateway: Codec<string> = matching('an IPv4 address, auto or dev', (raw) => raw === 'auto' || raw === 'dev' || isIpv4(raw))

export const ipv6Gateway: Codec<string> = {
  expects: 'an IPv6 address, auto or dev',
  parse: (raw) => {
    if (raw === 'auto' || raw === 'dev') return raw
    if (!isIpv6(raw)) throw new ValueError(`"${raw}" is not ${ipv6Gateway.expects}`)
    return formatIpv6(parseIpv6(raw))
  },
  format: (value) => value,
}

const isRoute = (raw: string, isAddress: (text: string) => boolean, longest: number): boolean => {
  const match = /^([^/]+)\/([0-9]{1,3})$/.exec(raw)
  return match !== null && isAddress(match[1] ?? '') && Number(match[2]) <= longest
}

export const ipv4Route: Codec<string> = matching('A.B.C.D/PREFIX', (raw) => isRoute(raw, isIpv4, 32))
export const ipv6Route: Codec<string> = {
  expects: 'X:Y::Z/PREFIX',
  parse: (raw) => {
    if (!isRoute(raw, isIpv6, 128)) throw new ValueError(`"${raw}" is not ${ipv6Route.expects}`)
    return ipv6Address.format(ipv6Address.parse(raw))
  },
  format: (value) => value,
}
