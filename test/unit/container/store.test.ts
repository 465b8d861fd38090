import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compareBytes } from '../../../src/container/store.ts'

it('sorts as strcmp(3) does, whatever the text', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '\uE000', '\uFFFD', '𝄞', '😀', 'Z') })
  fc.assert(fc.property(text, text, (a, b) => Math.sign(compareBytes(a, b)) === Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)))))
})

it('sorts what UTF-16 would sort otherwise', () => {
  expect(compareBytes('\uE000', '😀')).toBeLessThan(0)
})
