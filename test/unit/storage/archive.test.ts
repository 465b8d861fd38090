import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseManifest } from '../../../src/container/archive-manifest.ts'
import { ArchiveReader, writeArchive } from '../../../src/storage/archive.ts'
import { ArchiveError } from '../../../src/storage/tar-header.ts'

type Layer = { id: string; bytes: Buffer }

async function* cut(bytes: Uint8Array, step: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step)
}

async function written(manifest: string, layers: readonly Layer[], step = 70_000): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of writeArchive(manifest, 1, layers.map(({ id, bytes }) => ({ id, open: () => cut(bytes, step) })))) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function read(archive: Uint8Array, ids: readonly string[], step = 4096): Promise<{ manifest: string; layers: Buffer[] }> {
  const reader = new ArchiveReader(cut(archive, step))
  const manifest = await reader.manifest()
  const layers: Buffer[] = []
  for (const id of ids) {
    const pieces: Buffer[] = []
    for await (const piece of reader.layer(id)) pieces.push(piece)
    layers.push(Buffer.concat(pieces))
  }
  await reader.finish()
  return { manifest, layers }
}

const some = fc.uniqueArray(fc.record({ id: fc.stringMatching(/^l[a-z]{5}$/), bytes: fc.uint8Array({ minLength: 1, maxLength: 3000 }).map((bytes) => Buffer.from(bytes)) }), { selector: ({ id }) => id, maxLength: 4 })

describe('the archive', () => {
  it('reads what it wrote, however the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), some, fc.integer({ min: 1, max: 5000 }), async (manifest, layers, step) => {
        const result = await read(await written(manifest, layers, step), layers.map(({ id }) => id), step)
        expect(result.manifest).toBe(Buffer.from(manifest).toString())
        expect(result.layers.map((bytes) => bytes.toString('hex'))).toEqual(layers.map(({ bytes }) => bytes.toString('hex')))
      }),
      { numRuns: 60 },
    )
  })

  it('holds layers larger than a piece', async () => {
    const bytes = Buffer.alloc((5 << 20) + 123, 'layer')
    const { layers } = await read(await written('{}', [{ id: 'laaaaa', bytes }]), ['laaaaa'], 65536)
    expect(layers[0]?.equals(bytes)).toBe(true)
  })

  it('refuses each change of a byte that means something, and each cut', async () => {
    const archive = await written('{"some":"manifest"}', [{ id: 'laaaaa', bytes: Buffer.from('content of a layer') }])
    const outcome = async (bytes: Uint8Array): Promise<string> => {
      try {
        await read(bytes, ['laaaaa'])
        return 'taken'
      } catch (error) {
        if (error instanceof ArchiveError) return error.message
        throw error
      }
    }
    for (let at = 0; at < archive.length; at += 7) expect(await outcome(archive.subarray(0, at)), `cut at ${at}`).not.toBe('taken')
    const taken: number[] = []
    for (let at = 0; at < archive.length; at++) {
      const changed = Buffer.from(archive)
      changed[at] = (changed[at] ?? 0) ^ 0x10
      if ((await outcome(changed)) === 'taken') taken.push(at)
    }
    // Only padding, which nobody reads: behind the three contents of the archive.
    const isPadding = (at: number): boolean => Math.floor(at / 512) % 2 === 1 && archive[at] === 0
    expect(taken.filter((at) => !isPadding(at))).toEqual([])
  })
})

describe('a manifest', () => {
  const good = {
    format: 'tlxc-archive', version: 1, exported: 1, container: 'c1', directory: '/x/c1', includes: '/i', snapshot: null, since: null, config: '', files: [],
    layers: [{ id: 'laaaaa', identity: 'laaaaa-5', created: 5, by: 'me\u001b' }], base: [],
  }

  it('is read, control characters made harmless', () => {
    expect(parseManifest(JSON.stringify(good)).layers[0]?.by).toBe('me?')
  })

  it('that is anything else is refused in words', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(good)), fc.jsonValue(), (key, value) => {
        try {
          expect(parseManifest(JSON.stringify({ ...good, [key]: value }))).toMatchObject({ format: 'tlxc-archive' })
        } catch (error) {
          expect(error).toBeInstanceOf(ArchiveError)
        }
      }),
      { numRuns: 2000 },
    )
    for (const text of ['', 'null', '[]', '{}', '{"format":"x"}']) expect(() => parseManifest(text)).toThrow(ArchiveError)
  })
})
