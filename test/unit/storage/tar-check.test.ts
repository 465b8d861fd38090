import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Header } from 'tar'
import { afterAll, describe, expect, it } from 'vitest'
import { TarCheck, type CheckLimits } from '../../../src/storage/tar-check.ts'
import { ArchiveError, encodeFileHeader, parseHeader, parsePax } from '../../../src/storage/tar-header.ts'
import { EXPORT_TAR_ARGS } from '../../../src/storage/archive.ts'
import { entry, layer, pax, raw } from '../../helpers/tar.ts'

const LIMITS: CheckLimits = { trustDevices: false, maxBytes: 1 << 30, maxEntries: 100_000 }

/** The reason of the refusal, or what was counted. */
function judge(archive: Uint8Array, limits: Partial<CheckLimits> = {}, step = archive.length): string | TarCheck['sums'] {
  const check = new TarCheck({ ...LIMITS, ...limits })
  try {
    for (let at = 0; at < archive.length; at += step) check.push(archive.subarray(at, at + step))
    check.end()
    return { ...check.sums }
  } catch (error) {
    if (error instanceof ArchiveError) return error.message
    throw error
  }
}

const root = entry({ name: './', type: '5' })

describe('what is taken', () => {
  const good = layer(
    root,
    entry({ name: './etc/', type: '5' }),
    pax({ 'SCHILY.xattr.user.a': Buffer.from([0, 10, 61]), mtime: '1795643084.08', uid: '3000000000' }),
    entry({ name: './etc/f', content: 'hello' }),
    entry({ name: './etc/g', type: '1', linkname: './etc/f' }),
    entry({ name: './l', type: '2', linkname: '../../anywhere' }),
    entry({ name: './gone', type: '3' }),
    entry({ name: './null', type: '3', major: 1, minor: 3 }),
    entry({ name: './fifo', type: '6' }),
    pax({ 'SCHILY.xattr.trusted.overlay.opaque': 'y', 'SCHILY.xattr.trusted.overlay.redirect': '/old/name' }),
    entry({ name: './d', type: '5' }),
    pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': './sparse', 'GNU.sparse.realsize': '1000000' }),
    entry({ name: './GNUSparseFile.1/sparse', content: '0\n' }),
  )

  it('counts entries, bytes and the largest id', () => {
    expect(judge(good)).toEqual({ entries: 10, bytes: 7, largestId: 3_000_000_000 })
  })

  it('does not depend on how the stream is cut', () => {
    const property = fc.property(fc.integer({ min: 1, max: 2000 }), (step) => {
      expect(judge(good, {}, step)).toEqual(judge(good))
    })
    fc.assert(property, { numRuns: 40 })
  })
})

describe('what is refused, with its reason', () => {
  const path = 'leads out of the layer'
  it.each<[string, Uint8Array, string]>([
    ['..', layer(root, entry({ name: './../etc/passwd' })), path],
    ['.. in the middle', layer(root, entry({ name: './a/../../b' })), path],
    ['an absolute name', layer(root, entry({ name: '/etc/passwd' })), 'is no path below the root'],
    ['a bare name', layer(root, entry({ name: 'etc/passwd' })), 'is no path below the root'],
    ['an empty part', layer(root, entry({ name: './a//b' })), path],
    ['a dot', layer(root, entry({ name: './a/./b' })), path],
    ['a file that is named as a directory', layer(root, entry({ name: './a/' })), path],
    ['a pax path that leads out', layer(root, pax({ path: './../x' }), entry({ name: './a' })), path],
    ['a sparse name that leads out', layer(root, pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': '/etc/x', 'GNU.sparse.realsize': '1' }), entry({ name: './a' })), 'is no path below'],
    ['another sparse format', layer(root, pax({ 'GNU.sparse.map': '0,1' }), entry({ name: './a' })), 'unknown keyword'],
    ['half a sparse file', layer(root, pax({ 'GNU.sparse.name': './b' }), entry({ name: './a' })), 'by halves'],
    ['a hard link out', layer(root, entry({ name: './a', type: '1', linkname: './../../etc/shadow' })), path],
    ['an absolute hard link', layer(root, entry({ name: './a', type: '1', linkname: '/etc/shadow' })), 'is no path below'],
    ['a write through a link', layer(root, entry({ name: './l', type: '2', linkname: '/etc' }), entry({ name: './l/passwd' })), 'lies below a symbolic link'],
    ['a hard link through a link', layer(root, entry({ name: './l', type: '2', linkname: '/etc' }), entry({ name: './x', type: '1', linkname: './l/shadow' })), 'lies below a symbolic link'],
    ['a file over a link', layer(root, entry({ name: './l', type: '2', linkname: '/etc/passwd' }), entry({ name: './l' })), 'is there twice'],
    ['a directory over a link', layer(root, entry({ name: './l', type: '2', linkname: '/etc' }), entry({ name: './l/', type: '5' })), 'is there twice'],
    ['a second root', layer(root, root), 'has two roots'],
    ['no root', layer(entry({ name: './a' })), 'does not begin with its root'],
    ['a root that is a link', layer(entry({ name: './', type: '2', linkname: '/' })), 'its root is no directory'],
    ['memory', layer(root, entry({ name: './m', type: '3', major: 1, minor: 1 })), '"m" is the device c 1:1'],
    ['a disk', layer(root, entry({ name: './sda', type: '4', major: 8, minor: 0 })), '"sda" is the device b 8:0'],
    ['a block 0:0', layer(root, entry({ name: './x', type: '4' })), 'is the device b 0:0'],
    ['a relative redirect with a path', layer(root, pax({ 'SCHILY.xattr.trusted.overlay.redirect': 'a/b' }), entry({ name: './d', type: '5' })), 'that leads nowhere'],
    ['a redirect out', layer(root, pax({ 'SCHILY.xattr.trusted.overlay.redirect': '/../../etc' }), entry({ name: './d', type: '5' })), 'that leads nowhere'],
    ['a redirect of a file', layer(root, pax({ 'SCHILY.xattr.trusted.overlay.redirect': '/a' }), entry({ name: './d' })), 'that leads nowhere'],
    ['a metadata-only file', layer(root, pax({ 'SCHILY.xattr.trusted.overlay.metacopy': '' }), entry({ name: './d' })), 'that no layer of tlxc has'],
    ['an origin', layer(root, pax({ 'SCHILY.xattr.trusted.overlay.origin': 'x' }), entry({ name: './d', type: '5' })), 'that no layer of tlxc has'],
    ['a label', layer(root, pax({ 'SCHILY.xattr.security.selinux': 'x' }), entry({ name: './d' })), 'that tlxc does not export'],
    ['an unknown keyword', layer(root, pax({ 'LIBARCHIVE.symlinktype': 'x' }), entry({ name: './d' })), 'unknown keyword'],
    ['an id that is none', layer(root, pax({ uid: '4294967295' }), entry({ name: './d' })), 'impossible uid'],
    ['a name with NUL', layer(root, pax({ path: Buffer.from('./a\0b') }), entry({ name: './d' })), 'impossible path'],
    ['content of a directory', layer(root, entry({ name: './d', type: '5', content: 'x' })), 'has content'],
    ['an old long name', layer(root, entry({ name: '././@LongLink', type: 'L', content: './x' })), 'unknown type "L"'],
    ['a global header', layer(root, entry({ name: './x', type: 'g', content: 'x' })), 'unknown type "g"'],
    ['a continued file', layer(root, entry({ name: './x', type: 'M' })), 'unknown type "M"'],
    ['an extended header alone', layer(root, pax({ mtime: '1' })), 'has no entry'],
    ['two extended headers', layer(root, pax({ mtime: '1' }), pax({ mtime: '1' }), entry({ name: './a' })), 'follows another one'],
    ['an end too early', layer(root).subarray(0, 1024), 'ends too early'],
    ['a file cut off', raw(root, entry({ name: './a', content: 'x'.repeat(600) }).subarray(0, 1024)), 'ends too early'],
    ['something after the end', raw(layer(root), entry({ name: './a' })), 'goes on after its end'],
    ['nothing', layer(), 'a layer is empty'],
    ['no tar', Buffer.alloc(512, 'x'), 'is no POSIX tar header'],
  ])('%s', (_, archive, reason) => expect(judge(archive)).toContain(reason))

  it('a wrong checksum', () => {
    const archive = layer(root)
    archive[100] = 0x31
    expect(judge(archive)).toBe('a header has a wrong checksum')
  })

  it('a prefix, which GNU tar does not write in this format', () => {
    const bad = entry({ name: './a' })
    bad.write('..', 345)
    bad.write(bad.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0).toString(8).padStart(6, '0'), 148)
    expect(judge(layer(root, bad))).toContain('with a prefix')
  })

  it('what is larger than the free space, before a byte of it is there', () => {
    const check = new TarCheck({ ...LIMITS, maxBytes: 1000 })
    check.push(root)
    expect(() => check.push(entry({ name: './bomb', size: 8 ** 11 - 1 }).subarray(0, 512))).toThrow('larger than the free space')
    expect(judge(layer(root, pax({ size: '9007199254740991' }), entry({ name: './a' })))).toBe('it is larger than the free space')
    expect(judge(layer(root, ...Array.from({ length: 20 }, (_, at) => entry({ name: `./f${at}` }))), { maxEntries: 20 })).toContain('more files than')
  })

  it('devices come in when they are trusted', () => {
    expect(judge(layer(root, entry({ name: './sda', type: '4', major: 8, minor: 0 })), { trustDevices: true })).toMatchObject({ entries: 2 })
  })
})

describe('extended headers', () => {
  it('are read by their lengths, whatever the values are', () => {
    const value = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
    const keyword = fc.stringMatching(/^[A-Za-z.%0-9]{1,20}$/)
    fc.assert(
      fc.property(fc.dictionary(keyword, value), (records) => {
        const read = parsePax(pax(records).subarray(512, 512 + paxLength(records)))
        expect(Object.fromEntries([...read].map(([key, bytes]) => [key, bytes.toString('hex')]))).toEqual(
          Object.fromEntries(Object.entries(records).map(([key, bytes]) => [key, bytes.toString('hex')])),
        )
      }),
    )
  })

  it.each(['5 a=b', '6 a=b\n6 a=b\n', '06 a=b\n', '6  a=b', '99 a=b\n', '6 ab=\n\n', '4 =b\n', '5 a=\n\n', '-6 a=b\n', '6\ta=b\n', '3 \n', '1'])('%j is refused', (text) => {
    expect(() => parsePax(Buffer.from(text))).toThrow(ArchiveError)
  })
})

const paxLength = (records: Record<string, Buffer>): number => pax(records).length === 512 ? 0 : parseInt(pax(records).toString('latin1', 124, 135), 8)

describe('whatever comes', () => {
  const blocks = fc.array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 1200 }).map((bytes) => Buffer.from(bytes)),
      fc.record({
        name: fc.oneof(fc.constantFrom('./', './a', './a/', './a/b', './l', './l/x', '/etc', './..'), fc.string({ maxLength: 30 })),
        type: fc.constantFrom('0', '1', '2', '3', '4', '5', '6', 'x', 'g', 'L', '\0'),
        linkname: fc.constantFrom('', './a', '/etc', '../..'),
        content: fc.constantFrom('', 'x', '9 path=/e\n', '20 path=./ok\n'),
        major: fc.nat(300), minor: fc.nat(300),
      }).map(entry),
    ),
    { maxLength: 12 },
  )

  it('is taken or refused, never a crash; and what is taken stays inside', () => {
    fc.assert(
      fc.property(blocks, fc.boolean(), fc.integer({ min: 1, max: 700 }), (pieces, rooted, step) => {
        const archive = layer(...(rooted ? [root] : []), ...pieces)
        expect(judge(archive, {}, step)).toEqual(judge(archive))
      }),
      { numRuns: 3000 },
    )
  })

  it('reads a header as node-tar does, or refuses it', () => {
    fc.assert(
      fc.property(
        fc.record({ name: fc.stringMatching(/^[ -~]{1,100}$/), linkname: fc.stringMatching(/^[ -~]{0,100}$/), type: fc.constantFrom('0', '1', '2', '3', '4', '5', '6'), major: fc.nat(2 ** 21 - 1), minor: fc.nat(2 ** 21 - 1), size: fc.nat(2 ** 33 - 1) }),
        (fields) => {
          const block = entry(fields).subarray(0, 512)
          const theirs = new Header(block)
          const ours = parseHeader(block)!
          expect(theirs.cksumValid).toBe(true)
          // It takes a file whose name ends with a slash for a directory, and passes over what a directory claims to contain; both are refused later.
          if (theirs.type !== 'Directory') expect(ours.size).toBe(theirs.size)
          expect([ours.name, ours.linkname || '', ours.mode, ours.uid, ours.gid]).toEqual([theirs.path, theirs.linkpath ?? '', theirs.mode, theirs.uid, theirs.gid])
          if (ours.type === 'char' || ours.type === 'block') expect([ours.devmajor, ours.devminor]).toEqual([theirs.devmaj, theirs.devmin])
        },
      ),
    )
  })

  it('writes headers that node-tar reads', () => {
    const theirs = new Header(encodeFileHeader('layers/labcde/00000001', 1 << 20, 1_795_643_084))
    expect([theirs.cksumValid, theirs.path, theirs.size, theirs.mode, theirs.mtime?.getTime(), theirs.type]).toEqual([true, 'layers/labcde/00000001', 1 << 20, 0o600, 1_795_643_084_000, 'File'])
  })
})

describe('what GNU tar writes', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tlxc-tar-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  it('is taken', () => {
    const tree = join(directory, 'tree')
    mkdirSync(join(tree, 'deep', 'n'.repeat(200), 'm'.repeat(200)), { recursive: true })
    writeFileSync(join(tree, 'deep', 'n'.repeat(200), 'm'.repeat(200), 'odd \n name ü'), 'x'.repeat(1000))
    symlinkSync(`/${'long/'.repeat(50)}`, join(tree, 'link'))
    execFileSync('truncate', ['-s', '20G', join(tree, 'sparse')])
    execFileSync('cp', ['-al', join(tree, 'sparse'), join(tree, 'hard')])
    const archive = execFileSync('tar', [...EXPORT_TAR_ARGS, '-C', tree, '.'], { maxBuffer: 1 << 26 })
    expect(judge(archive)).toMatchObject({ entries: 8, bytes: 1000 + 512 })
  })
})
