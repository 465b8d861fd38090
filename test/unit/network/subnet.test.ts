import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatIpv4, formatIpv6, freeIpv4Network, networkOf, overlaps, parseCidr, parseRoutes4, uniqueLocalNetwork, type Network } from '../../../src/network/subnet.ts'

const net = (text: string): Network => {
  const cidr = parseCidr(text)
  if (cidr === null) throw new Error(text)
  return networkOf(cidr)
}

test('addresses survive a round trip', () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      expect(formatIpv4(parseCidr(`${text}/32`)?.value ?? -1n)).toBe(text)
    }),
  )
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (value) => {
      expect(parseCidr(`${formatIpv6(value)}/128`)?.value).toBe(value)
    }),
  )
})

test.each([[1n, '::1'], [0n, '::'], [0xfd00n << 112n, 'fd00::'], [(0xfd00n << 112n) | 1n, 'fd00::1'], [(1n << 112n) | (1n << 96n) | 1n, '1:1::1']])(
  '%s is %s',
  (value, text) => expect(formatIpv6(value)).toBe(text),
)

test.each(['10.0.0.1', '10.0.0.256/24', '10.0.0.1/33', '10.0.0/24', '::1/129', '1:2:3/64', ':::/64', '10.0.0.1/24/1', 'x/8', ''])('%j is no address with length', (text) => {
  expect(parseCidr(text)).toBeNull()
})

describe('the choice of a network', () => {
  test('is 10.0.4.0/24 where nothing is', () => expect(freeIpv4Network([])).toEqual(net('10.0.4.0/24')))
  test('steps over what is taken', () => expect(freeIpv4Network([net('10.0.4.7/32'), net('10.0.5.0/24')])).toEqual(net('10.0.6.0/24')))
  test('leaves 10/8 when a route covers it', () => expect(freeIpv4Network([net('10.0.0.0/8')])).toEqual(net('172.31.0.0/24')))
  test('gives up when everything is taken', () => expect(freeIpv4Network([net('0.0.0.0/0')])).toBeNull())
  test('never overlaps', () => {
    const taken = fc.array(fc.record({ family: fc.constant(4 as const), value: fc.bigInt({ min: 0n, max: 0xffffffffn }), prefix: fc.integer({ min: 8, max: 32 }) }).map(networkOf))
    fc.assert(
      fc.property(taken, (networks) => {
        const free = freeIpv4Network(networks)
        if (free !== null) expect(networks.filter((other) => overlaps(free, other))).toEqual([])
      }),
    )
  })
})

test('/proc/net/route: destination and mask are little-endian, the default route is no network', () => {
  const text =
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n' +
    'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n' +
    'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n'
  expect(parseRoutes4(text)).toEqual([{ device: 'eth0', network: net('192.0.2.0/24') }])
})

test('the unique local network is a /64 in fd00::/8 and depends on the digest', () => {
  const a = uniqueLocalNetwork('0123456789abcdef0123')
  expect(formatIpv6(a.base)).toBe('fd01:2345:6789::')
  expect(overlaps(a, uniqueLocalNetwork('9123456789abcdef0123'))).toBe(false)
})
