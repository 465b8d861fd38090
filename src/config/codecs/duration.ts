/** Spans of time as people write them: 30s, 90m, 12h, 7d, 2w, and several together, 1d12h. */
import { ValueError, type Codec } from './codec.ts'

const UNITS: readonly (readonly [string, number])[] = [['w', 604_800_000], ['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1000]]

/** Milliseconds. 0 needs no unit; a day is 24 hours. */
export const duration: Codec<number> = {
  expects: 'a time such as 7d, 12h or 1d12h (w, d, h, m, s), or 0',
  parse: (raw) => {
    const parts = /^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(raw)
    const value = UNITS.reduce((sum, [, length], at) => sum + Number(parts?.[at + 1] ?? 0) * length, 0)
    if (raw === '0') return 0
    if (raw === '' || !parts || !Number.isSafeInteger(value)) throw new ValueError(`"${raw}" is not ${duration.expects}`)
    return value
  },
  format: (value) => {
    let rest = value
    let text = ''
    for (const [unit, length] of UNITS) {
      const count = Math.floor(rest / length)
      rest -= count * length
      if (count > 0) text += `${count}${unit}`
    }
    return text === '' ? '0' : text
  },
}
