import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { sha256Hex } from '../../src/hash.ts'
import { randomHex } from '../../src/random.ts'

const reference = (text: string): string => createHash('sha256').update(text).digest('hex')

it.each(['', 'abc', '/var/lib/tlxc', 'ä/€/𝄞'])('hashes %j as everybody does', (text) => {
  expect(sha256Hex(text)).toBe(reference(text))
})

it('hashes texts of each length around a block', () => {
  for (let length = 0; length < 200; length++) expect(sha256Hex('x'.repeat(length))).toBe(reference('x'.repeat(length)))
})

it('hashes any text', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => sha256Hex(text) === reference(text)))
})

it('random names have the length that was asked for and do not repeat', () => {
  const names = Array.from({ length: 1000 }, () => randomHex(6))
  expect(new Set(names).size).toBe(1000)
  expect(names.every((name) => /^[0-9a-f]{12}$/.test(name))).toBe(true)
})
