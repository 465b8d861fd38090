import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { banner, DEFAULT_ESCAPE, escapeName, parseEscape, stepEscape } from '../../../src/console/escape.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (data: Uint8Array): string => new TextDecoder().decode(data)

describe('the escape machine', () => {
  test.each([
    ['hello', 'hello', false],
    ['\x01q', '', true],
    ['ab\x01qcd', 'ab', true],
    ['\x01\x01', '\x01', false],
    ['\x01\x01q', '\x01q', false],
    ['\x01x', 'x', false],
    ['\x01', '', false],
  ])('%j → %j', (input, forward, detach) => {
    const step = stepEscape(false, bytes(input), DEFAULT_ESCAPE)
    expect([text(step.forward), step.detach]).toEqual([forward, detach])
  })

  test('cutting the input anywhere changes nothing', () => {
    const input = fc.array(fc.constantFrom(1, 1, 'q'.charCodeAt(0), 120, 255), { maxLength: 12 })
    fc.assert(
      fc.property(input, fc.nat(12), (list, cut) => {
        const whole = stepEscape(false, Uint8Array.from(list), 1)
        const first = stepEscape(false, Uint8Array.from(list.slice(0, cut)), 1)
        const second = first.detach ? { ...first, forward: new Uint8Array() } : stepEscape(first.armed, Uint8Array.from(list.slice(cut)), 1)
        expect([...first.forward, ...second.forward]).toEqual([...whole.forward])
        expect(second.detach).toBe(whole.detach)
      }),
    )
  })

  test('every byte gets through when prefixes are doubled', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (data) => {
        const doubled = [...data].flatMap((byte) => (byte === 1 ? [1, 1] : [byte]))
        const step = stepEscape(false, Uint8Array.from(doubled), 1)
        expect([...step.forward]).toEqual([...data])
        expect(step.detach).toBe(false)
      }),
    )
  })
})

test.each([['a', 1], ['A', 1], ['^a', 1], ['^A', 1], ['z', 26], ['^Z', 26], ['^]', 29], ['^[', 27], ['1', null], ['^', 30], ['^^', 30], ['ab', null], ['', null], ['é', null]])(
  'prefix %j is %j',
  (given, expected) => expect(parseEscape(given)).toBe(expected),
)

test('the banner is lxc-console’s', () => {
  expect(banner(0, 1)).toBe('\nConnected to tty 0\nType <Ctrl+a q> to exit the console, <Ctrl+a Ctrl+a> to enter Ctrl+a itself\n')
  expect(escapeName(29)).toBe('Ctrl+]')
})
