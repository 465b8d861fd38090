import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { naturalOrder } from '../../../src/config/natural-order.ts'

describe('naturalOrder', () => {
  it('sorts as people count', () => {
    expect(['snap10', 'b', 'snap2', 'snap0', 'snap1a', 'a', '12', '3', 'snap02', 'snap'].sort(naturalOrder)).toEqual([
      '3', '12', 'a', 'b', 'snap', 'snap0', 'snap1a', 'snap02', 'snap2', 'snap10',
    ])
  })

  it('is a total order', () => {
    const name = fc.stringMatching(/^[a-b0-2]{0,6}$/)
    fc.assert(
      fc.property(name, name, name, (a, b, c) => {
        expect(Math.sign(naturalOrder(a, b)) + Math.sign(naturalOrder(b, a))).toBe(0)
        expect(naturalOrder(a, b) === 0).toBe(a === b)
        if (naturalOrder(a, b) < 0 && naturalOrder(b, c) < 0) expect(naturalOrder(a, c)).toBeLessThan(0)
      }),
      { numRuns: 2000 },
    )
  })
})
