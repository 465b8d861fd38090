import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { duration } from '../../../src/config/codecs/duration.ts'

describe('duration', () => {
  it.each([
    ['0', 0], ['30s', 30_000], ['90m', 5_400_000], ['12h', 43_200_000], ['7d', 604_800_000], ['2w', 1_209_600_000], ['1d12h', 129_600_000],
  ])('%s is %d ms', (raw, value) => expect(duration.parse(raw)).toBe(value))

  it.each(['', '7', 'd', '-1d', '1.5h', '7 d', '12h1d', '1d1d', '99999999999999w', '7D'])('refuses %j', (raw) => {
    expect(() => duration.parse(raw)).toThrow('is not a time such as 7d')
  })

  it('reads what it writes', () => {
    fc.assert(fc.property(fc.nat(10_000_000), (seconds) => duration.parse(duration.format(seconds * 1000)) === seconds * 1000))
  })
})
