import fc from 'fast-check'
import * as fs from 'node:fs'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Host } from '../../../../src/host/host.ts'
import { findBelow } from '../../../../src/template/oci/below.ts'
import { chainIds, keyOf, MAX_IMAGE_LAYERS, partsOf, possibleKeys } from '../../../../src/template/oci/keys.ts'
import { parseListed } from '../../../../src/template/oci/listing.ts'
import { ancestorsOf, at, parentOf, shownName } from '../../../../src/template/oci/name.ts'
import { parseDiffIds } from '../../../../src/template/oci/types.ts'

describe('what tar lists', () => {
  const named = (line: string): unknown => parseListed(line)

  test('directories, links and others, with or without a mark for attributes', () => {
    expect(named('drwxr-xr-x 0/0               0 2026-11-26 01:22 ./a\\ b/')).toEqual({ kind: 'directory', path: 'a b', target: null })
    expect(named('drwxr-xr-x  0/0               0 2026-11-26 01:22 ./')).toEqual({ kind: 'directory', path: '', target: null })
    expect(named('-rwsr-xr-x* 1000/65534 4294967296 1970-01-01 00:00 usr/bin/x')).toEqual({ kind: 'other', path: 'usr/bin/x', target: null })
    expect(named('crw-rw-rw- 0/0             1,3 2026-11-26 01:22 dev/null')).toEqual({ kind: 'other', path: 'dev/null', target: null })
    expect(named('lrwxrwxrwx 0/0               0 2026-11-26 01:22 ./l -> ./a\\ ->\\ b')).toEqual({ kind: 'other', path: 'l', target: null })
    expect(named('hrw-r--r-- 0/0               0 2026-11-26 01:22 ./z link to ./x\\ link\\ to\\ y')).toEqual({ kind: 'link', path: 'z', target: 'x link to y' })
    expect(named('x: 12 security.capability')).toBeNull()
  })

  test.each([
    ['n\\nl\\303\\244\\\\x', 'n\nl\xc3\xa4\\x'],
    ['/etc//./passwd', 'etc/passwd'],
    ['a/../../b/c', 'b/c'],
    ['..', ''],
    ['..a/b..', '..a/b..'],
  ])('the name %s', (quoted, path) => expect(parseListed(`-rw-r--r-- 0/0 0 2026-11-26 01:22 ${quoted}`)?.path).toBe(path))

  test('no name leads out', () => {
    fc.assert(fc.property(fc.string(), (text) => {
      const parts = parseListed(`-rw-r--r-- 0/0 0 2026-11-26 01:22 ${text.replace(/[\s\\]/g, '')}`)?.path.split('/') ?? []
      expect(parts).not.toContain('..')
    }))
  })
})

describe('keys', () => {
  const D = (digit: number): string => `sha256:${digit.toString(16).padStart(64, '0')}`
  const many = (count: number): string[] => Array.from({ length: count }, (_, number) => D(number))
  const around = { devices: false, rootBelow: '755-0-0' }

  test('chain ids are those of the specification', () => {
    const [first, second] = chainIds([D(1), D(2)])
    expect(first).toBe(D(1))
    // printf '%s %s' sha256:0…1 sha256:0…2 | sha256sum
    expect(second).toBe('sha256:e0213565073dd272477933ef550455db21856966e444074f1492aef0939305ac')
    expect(chainIds([D(1), D(3)])[1]).not.toBe(second)
  })

  test.each([1, 2, MAX_IMAGE_LAYERS, MAX_IMAGE_LAYERS + 1, 47, 48, 127, 1000])('%i layers: all of them, in order, and not too many', (count) => {
    const parts = partsOf(many(count))
    expect(parts.length).toBeLessThanOrEqual(MAX_IMAGE_LAYERS)
    expect(parts.reduce((next, part) => (part.from === next ? next + part.count : -1), 0)).toBe(count)
    expect(parts.slice(1).every((part) => part.count === 1)).toBe(true)
    expect(parts.at(-1)?.diffId).toBe(D(count - 1))
  })

  test('an image with one layer more shares what was merged', () => {
    expect(partsOf(many(41))[0]).toEqual(partsOf(many(40))[0])
  })

  test('a layer that stands for itself is the same on any other; one that does not, is not; nor is it with device nodes', () => {
    const [on1, on2] = [partsOf([D(1), D(9)])[1], partsOf([D(2), D(9)])[1]]
    if (!on1 || !on2) throw new Error('no parts')
    const facts = { devices: false, inheritsRoot: false, depends: false }
    expect(keyOf(on1, facts, around)).toBe(keyOf(on2, facts, { ...around, devices: true, rootBelow: '700-1-1' }))
    expect(keyOf(on1, { ...facts, depends: true }, around)).not.toBe(keyOf(on2, { ...facts, depends: true }, around))
    expect(keyOf(on1, { ...facts, devices: true }, around)).not.toBe(keyOf(on1, { ...facts, devices: true }, { ...around, devices: true }))
    expect(keyOf(on1, { ...facts, inheritsRoot: true }, around)).not.toBe(keyOf(on1, { ...facts, inheritsRoot: true }, { ...around, rootBelow: '700-1-1' }))
  })

  test('a layer that is there twice has two keys, for overlayfs takes no directory twice', () => {
    const [first, , again] = partsOf([D(1), D(2), D(1)])
    if (!first || !again) throw new Error('no parts')
    const facts = { devices: false, inheritsRoot: false, depends: false }
    expect(keyOf(first, facts, around)).not.toBe(keyOf(again, facts, around))
    expect(possibleKeys(again, around)).not.toContain(keyOf(first, facts, around))
  })

  test('each key is one of those that are looked for, and is fit for a base', () => {
    for (const part of partsOf(many(40))) {
      for (const devices of [false, true]) for (const inheritsRoot of [false, true]) for (const depends of [false, true]) {
        const key = keyOf(part, { devices, inheritsRoot, depends }, around)
        expect(possibleKeys(part, around)).toContain(key)
        expect(key).toMatch(/^[\w.+-]{1,255}$/)
      }
    }
  })

  test('diff ids are digests', () => {
    expect(parseDiffIds(JSON.stringify({ rootfs: { diff_ids: [D(1)] } }), 'x')).toEqual([D(1)])
    expect(parseDiffIds('{}', 'x')).toEqual([])
    expect(() => parseDiffIds(JSON.stringify({ rootfs: { diff_ids: ['sha256:../../x'] } }), 'x')).toThrow(expect.objectContaining({ code: 'TEMPLATE' }))
  })
})

describe('what layers below show', () => {
  let directory = ''
  const host = { fs } as unknown as Host
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'tlxc-below-'))))
  afterEach(() => rmSync(directory, { recursive: true }))
  const layer = (name: string, files: readonly string[], opaques: readonly string[] = []): { directory: string; opaques: Set<string> } => {
    const path = join(directory, name)
    mkdirSync(path)
    for (const file of files) {
      mkdirSync(join(path, file, '..'), { recursive: true })
      if (file.endsWith('/')) mkdirSync(join(path, file))
      else if (file.includes('@')) symlinkSync('etc', join(path, file.replace('@', '')))
      else writeFileSync(join(path, file), name)
    }
    return { directory: path, opaques: new Set(opaques) }
  }
  const found = (layers: ReturnType<typeof layer>[], path: string): string | undefined => findBelow(host, layers, path)?.directory.slice(directory.length + 1)

  test('the topmost that has it, unless something hides it', () => {
    const bottom = layer('bottom', ['etc/one', 'etc/two', 'a/b/c', 'file/in', 'lib/x'])
    const top = layer('top', ['etc/two', 'a/b/', 'file', 'lib@'], ['a'])
    expect(found([top, bottom], 'etc/one')).toBe('bottom')
    expect(found([top, bottom], 'etc/two')).toBe('top')
    expect(found([top, bottom], 'a/b')).toBe('top')
    expect(found([top, bottom], 'a/b/c')).toBeUndefined()
    expect(found([bottom], 'a/b/c')).toBe('bottom')
    expect(found([top, bottom], 'file/in')).toBeUndefined()
    expect(found([top, bottom], 'none')).toBeUndefined()
    // Not through links, and none is followed out of the layer.
    expect(found([top, bottom], 'lib/x')).toBeUndefined()
    expect(found([], 'etc')).toBeUndefined()
    expect(found([top, bottom], '')).toBe('top')
  })

  test('names are bytes', () => {
    expect(at('/é', 'x\xff/y')).toEqual(Buffer.from([0x2f, 0xc3, 0xa9, 0x2f, 0x78, 0xff, 0x2f, 0x79]))
    expect([ancestorsOf('a/b/c'), parentOf('a/b'), parentOf('a')]).toEqual([['', 'a', 'a/b'], 'a', ''])
    expect(shownName('\xc3\xa4\n')).toBe('ä?')
  })
})
