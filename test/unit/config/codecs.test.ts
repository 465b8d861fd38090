import fc, { type Arbitrary } from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as address from '../../../src/config/codecs/address.ts'
import { ValueError, type Codec } from '../../../src/config/codecs/codec.ts'
import { idmap } from '../../../src/config/codecs/idmap.ts'
import * as kernel from '../../../src/config/codecs/kernel.ts'
import * as mount from '../../../src/config/codecs/mount.ts'
import * as number from '../../../src/config/codecs/number.ts'
import { signal } from '../../../src/config/codecs/signal.ts'
import * as text from '../../../src/config/codecs/text.ts'
import { KEYS } from '../../../src/config/schema.ts'
import { NAMESPACE_VALUES } from '../../../src/protocol/generated.ts'

const hex = (length: number): Arbitrary<string> => fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
const field = fc.string({ minLength: 1 }).filter((value) => !/[\0\r\v\f]/.test(value))
const option = field.filter((value) => !value.includes(',') && value !== 'defaults')
const ipv4 = fc.ipV4()
const limit = fc.oneof(fc.constant('unlimited'), fc.nat().map(String))
const range = fc.tuple(fc.nat(2 ** 31), fc.nat(2 ** 31), fc.integer({ min: 1, max: 2 ** 31 - 2 }))
const ipv6Text = fc.ipV6().map((raw) => address.ipv6Address.parse(raw).address)

/** parse(format(x)) = x for what each arbitrary makes. */
function roundTrips<T>(name: string, codec: Codec<T>, values: Arbitrary<T>): void {
  it(`${name} reads what it writes`, () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(codec.parse(codec.format(value))).toEqual(value)
      }),
    )
  })
}

describe('round trips', () => {
  roundTrips('bool', number.bool, fc.boolean())
  roundTrips('uint', number.uint, fc.nat(2 ** 32 - 1))
  roundTrips('int', number.int, fc.integer())
  roundTrips('size', number.size, fc.nat(2 ** 40))
  roundTrips('bufferSize', number.bufferSize, fc.integer({ min: 12, max: 40 }).map((power) => 2 ** power))
  roundTrips('signal', signal, fc.nat(64))
  roundTrips('idmap', idmap, fc.tuple(fc.constantFrom('uid' as const, 'gid' as const), range).map(([kind, [ns, host, count]]) => ({ kind, ns, host, range: count })))
  roundTrips('mountEntry', mount.mountEntry, fc.record({ source: field, target: field, type: field, options: fc.array(option, { minLength: 1 }) }))
  roundTrips('rootfsPath', mount.rootfsPath, fc.record({ type: fc.constantFrom('dir', 'overlay', 'zfs'), path: field }))
  roundTrips('namespace', kernel.namespace, fc.constantFrom(...NAMESPACE_VALUES))
  roundTrips('timeOffset', kernel.timeOffset, fc.maxSafeInteger().map((value) => (value === 0 ? 0 : value)))
  roundTrips('logLevel', kernel.logLevel, fc.nat(8))
  roundTrips('capability', kernel.capability, fc.constantFrom(...kernel.CAPABILITIES))
  roundTrips('prlimit', kernel.prlimit, fc.oneof(limit.map((soft) => ({ soft, hard: soft })), fc.nat().map((soft) => ({ soft: String(soft), hard: 'unlimited' }))))
  roundTrips('mac', address.mac, fc.array(hex(2), { minLength: 6, maxLength: 6 }).map((parts) => parts.join(':')))
  roundTrips('ipv4Address', address.ipv4Address, fc.oneof(
    fc.record({ address: ipv4, prefix: fc.nat(32) }),
    fc.record({ address: ipv4, prefix: fc.nat(32), broadcast: ipv4 }),
  ))
  roundTrips('ipv6Address', address.ipv6Address, fc.record({ address: ipv6Text, prefix: fc.nat(128) }))
  roundTrips('commandLine', text.commandLine, fc.array(fc.string(), { minLength: 1 }))
  roundTrips('environmentEntry', text.environmentEntry, fc.record({ entry: fc.string().filter((entry) => !entry.startsWith('=')) }))
})

describe('every codec of the schema', () => {
  it.each(KEYS.map((row) => [row.key, row.codec] as const).filter(([key]) => !['lxc.hook', 'lxc.net', 'lxc.net.N'].includes(key)))(
    '%s takes garbage only with a ValueError, and reads what it writes',
    (_key, codec) => {
      fc.assert(
        fc.property(fc.oneof(fc.string(), fc.constantFrom('0', '1', '-1', 'auto', 'none', '/x', '99999999999999999999', '1:2', '::', '1.2.3.4/5')), (raw) => {
          try {
            const value = codec.parse(raw)
            expect(codec.parse(codec.format(value))).toEqual(value)
          } catch (error) {
            if (!(error instanceof ValueError)) throw error
            expect(error.message).not.toBe('')
          }
        }),
      )
    },
  )
})

describe('values as LXC reads them', () => {
  const cases: readonly [string, Codec<unknown>, string, unknown][] = [
    ['hexadecimal', number.uint, '0x10', 16],
    ['octal', number.uint, '010', 8],
    ['sizes', number.size, '3 MB', 3 * 1024 ** 2],
    ['sizes with one letter', number.size, '2k', 2048],
    ['buffers: auto', number.bufferSize, 'auto', 128 * 1024],
    ['buffers: at least a page', number.bufferSize, '1', 4096],
    ['buffers: powers of two', number.bufferSize, '3MB', 4 * 1024 ** 2],
    ['signals', signal, 'sigterm', 15],
    ['real-time signals', signal, 'SIGRTMIN+3', 37],
    ['real-time signals from the end', signal, 'SIGRTMAX-2', 62],
    ['other names of a signal', signal, 'SIGPOLL', 29],
    ['fstab escapes', mount.mountEntry, '/a\\040b\\134 x\\011y none bind', { source: '/a b\\', target: 'x\ty', type: 'none', options: ['bind'] }],
    ['rootfs without type', mount.rootfsPath, '/a:b', { type: 'dir', path: '/a:b' }],
    ['overlay paths', mount.rootfsPath, 'overlay:/a:/b', { type: 'overlay', path: '/a:/b' }],
    ['quotes in commands', text.commandLine, `/bin/sh -c "a  b" '' x"y z"`, ['/bin/sh', '-c', 'a  b', '', 'xy z']],
    ['offsets', kernel.timeOffset, '-2h', -7_200e9],
    ['offsets in milliseconds', kernel.timeOffset, '5 ms', 5e6],
    ['log levels by number', kernel.logLevel, '8', 8],
    ['one limit for both', kernel.prlimit, '1024', { soft: '1024', hard: '1024' }],
    ['no limit', kernel.prlimit, '10:-1', { soft: '10', hard: 'unlimited' }],
    ['capabilities by number', kernel.capability, '16', 'sys_module'],
    ['IPv6 shortest', address.ipv6Address, '1:0:0:2:0:0:0:3', { address: '1:0:0:2::3', prefix: 64 }],
    ['IPv6 with dots', address.ipv6Address, '::FFFF:1.2.3.4/96', { address: '::ffff:1.2.3.4', prefix: 96 }],
    ['IPv4 without prefix', address.ipv4Address, '192.168.1.1', { address: '192.168.1.1', prefix: 8 }],
  ]
  it.each(cases)('%s', (_name, codec, raw, value) => expect(codec.parse(raw)).toEqual(value))

  const wrong: readonly [Codec<unknown>, string][] = [
    [number.bool, '2'], [number.uint, '-1'], [number.uint, '08'], [number.uint, '4294967296'], [number.size, '1.5MB'], [number.size, '1TB'],
    [signal, 'TERM'], [signal, 'SIGRTMIN+40'], [signal, 'SIGRTMAX+1'], [signal, '65'], [idmap, 'u 0 1'], [idmap, 'u 0 0 4294967296'],
    [kernel.timeOffset, '5'], [kernel.timeOffset, '1d'], [kernel.logLevel, '9'], [kernel.arch, 'AMD64'], [kernel.capability, 'cap_kill'],
    [kernel.prlimit, '2:1'], [kernel.prlimit, '1:'], [kernel.namespace, 'network'], [text.relativePath, '/a'], [text.relativePath, 'a/../b'],
    [text.interfaceName, 'a'.repeat(16)], [text.interfaceName, 'a b'], [text.commandLine, `a 'b`], [address.ipv4Address, '10.0.0.1/33'],
    [address.ipv4Address, '010.0.0.1/8'], [address.ipv6Address, 'fd00::1/129'], [address.ipv6Address, '1::2::3'], [address.ipv4Route, '1.2.3.4'],
    [address.ipv6Gateway, '10.0.0.1'], [mount.autoToken, 'proc:ro'], [mount.rootfsPath, 'foo:/x'], [kernel.deviceRule, 'c 1 rwm'],
  ]
  it.each(wrong)('%# refuses %j', (codec, raw) => expect(() => codec.parse(raw)).toThrow(ValueError))
})
