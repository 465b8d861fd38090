/**
 * A blob of the store → files in a directory, by GNU tar that can write nowhere else (native/cmd/confine.c). In one pass its content is
 * compared with the digest that the image's configuration has for it, and measured against the free space.
 */
import { createHash, type Hash } from 'node:crypto'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { TlxcError } from '../../errors.ts'
import type { Host, RunningProgram } from '../../host/host.ts'
import type { Room } from '../../host/room.ts'
import { tarFailure, UNPACK_OPTIONS } from '../unpack.ts'
import { LISTING_OPTIONS, parseListed } from './listing.ts'

export interface Extraction {
  /** Plain tar, or compressed with gzip or zstd. */
  readonly archive: string
  /** Of its content without compression: sha256:HEX. */
  readonly diffId: string
  /** Empty, root's alone, and nobody else's business while this runs. */
  readonly directory: string
  readonly room: Room
  readonly signal: AbortSignal
}

/** What the archive has, as far as anybody asks: it may have millions of names. */
export interface Extracted {
  readonly directories: ReadonlySet<string>
  /** What hard links lead to. */
  readonly targets: ReadonlySet<string>
  /** Those of `watched` that it has. */
  readonly seen: ReadonlySet<string>
  /** What tar could not unpack; null: it unpacked all of it. */
  readonly failure: TlxcError | null
}

/** Bytes of the names that are kept. Whole distributions have some MB of them; an archive may have as many as there is free disk. */
const MAX_KEPT = 64 << 20

/** What is kept of the entries that tar lists. */
class Listing {
  readonly directories = new Set<string>()
  readonly targets = new Set<string>()
  readonly seen = new Set<string>()
  entries = 0
  /** Why nothing more is kept. */
  excess: string | null = null
  private kept = 0

  constructor(private readonly watched: ReadonlySet<string>) {}

  /** null: an overlong line. */
  take(line: string | null): void {
    if (line === null) this.excess ??= 'a name in it is longer than a file can have'
    const entry = line === null || this.excess !== null ? null : parseListed(line)
    this.entries++
    if (entry === null) return
    if (entry.kind === 'directory') this.keep(this.directories, entry.path)
    if (entry.target !== null && entry.target !== '') this.keep(this.targets, entry.target)
    if (this.watched.has(entry.path)) this.seen.add(entry.path)
  }

  private keep(names: Set<string>, name: string): void {
    const before = names.size
    names.add(name)
    if (names.size > before) this.kept += name.length
    if (this.kept > MAX_KEPT) this.excess ??= 'the names of its directories and links fill more memory than they may'
  }
}

/** Throws TlxcError TEMPLATE for an archive that is not what it should be, SPACE. */
export async function extract(host: Host, { archive, diffId, directory, room, signal }: Extraction, watched: ReadonlySet<string> = new Set()): Promise<Extracted> {
  const listing = new Listing(watched)
  const tar = await host.start(`${host.paths.libexec}/confine`, ['--links', directory, ...TAR], { stdin: 'pipe', stdout: 'pipe' })
  try {
    const hash = createHash('sha256')
    eachLine(tar.stdout, (line) => listing.take(line))
    const complaint = await decompressed(host, archive, (pieces) => feed(tar, pieces, { hash, room, listing, archive, signal }))
    const ended = await tar.done
    signal.throwIfAborted()
    const failure = ended.exitCode === 0 ? null : tarFailure(archive, { ...ended, stdout: '' })
    if (failure?.code === 'SPACE') throw failure
    refuseUnreasonable(listing, archive)
    if (`sha256:${hash.digest('hex')}` !== diffId) throw damaged(archive, complaint)
    return { directories: listing.directories, targets: listing.targets, seen: listing.seen, failure }
  } catch (error) {
    tar.kill()
    await tar.done
    throw error
  }
}

/** Nothing of this machine's environment: TAR_OPTIONS would be options, too. */
const TAR: readonly string[] = [
  'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C',
  'tar', '--extract', '--file=-', ...LISTING_OPTIONS, ...UNPACK_OPTIONS, '--delay-directory-restore', '--warning=no-timestamp', '--warning=no-unknown-keyword',
]

function damaged(archive: string, complaint: string): TlxcError {
  const reason = complaint === '' ? 'its content has another checksum than the configuration of the image says' : `it cannot be decompressed: ${complaint}`
  return new TlxcError('TEMPLATE', `cannot unpack "${archive}": ${reason}`, { hint: 'the image is damaged, or was made to do harm' })
}

interface Feeding {
  hash: Hash
  room: Room
  listing: Listing
  archive: string
  signal: AbortSignal
}

async function feed({ stdin, done }: RunningProgram, pieces: AsyncIterable<Buffer>, { hash, room, listing, archive, signal }: Feeding): Promise<void> {
  if (stdin === null) throw new Error('tar was started without a pipe')
  let bytes = 0
  for await (const piece of pieces) {
    signal.throwIfAborted()
    hash.update(piece)
    bytes += piece.length
    refuseUnreasonable(listing, archive)
    if (bytes > room.maxBytes || listing.entries > room.maxEntries) {
      throw new TlxcError('SPACE', `cannot unpack "${archive}": it is larger than the free space`, { hint: 'make room on that filesystem' })
    }
    // It may have ended already; what follows still counts for the checksum.
    if (!stdin.destroyed) await write(stdin, piece, done)
  }
  stdin.end()
}

function refuseUnreasonable({ excess }: Listing, archive: string): void {
  if (excess !== null) throw new TlxcError('TEMPLATE', `cannot unpack "${archive}": ${excess}`, { hint: 'the image is damaged, or was made to do harm' })
}

async function write(stream: Writable, piece: Buffer, ended: Promise<unknown>): Promise<void> {
  if (stream.write(piece)) return
  const waiting = new AbortController()
  // Aborted below: that is no error of anybody's.
  const drained = once(stream, 'drain', { signal: waiting.signal }).catch(() => undefined)
  await Promise.race([drained, ended])
  waiting.abort()
}

/** Resolves with what the decompressor complained of, '' for nothing. */
async function decompressed(host: Host, archive: string, use: (pieces: AsyncIterable<Buffer>) => Promise<void>): Promise<string> {
  const fd = host.fs.openSync(archive, host.fs.constants.O_RDONLY | host.fs.constants.O_NOFOLLOW)
  try {
    const [program, ...args] = decompressorOf(host, fd)
    const running = await host.start(program, args, { stdin: fd, stdout: 'pipe' })
    try {
      await use(running.stdout as AsyncIterable<Buffer>)
    } catch (error) {
      running.kill()
      throw error
    }
    const { exitCode, stderr } = await running.done
    return exitCode === 0 ? '' : (stderr.trim().split('\n')[0] ?? program).replace(/\p{Cc}/gu, '?')
  } finally {
    host.fs.closeSync(fd)
  }
}

/** By its first bytes: media types are wrong often enough. */
function decompressorOf(host: Host, fd: number): [string, ...string[]] {
  const head = Buffer.alloc(4)
  host.fs.readSync(fd, head, 0, head.length, 0)
  if (head.readUInt16BE(0) === 0x1f8b) return ['gzip', '-d', '-c', '-q']
  return head.readUInt32LE(0) === 0xfd2fb528 ? ['zstd', '-d', '-c', '-q'] : ['cat']
}

/** A name and a target of PATH_MAX, each byte quoted as four. An archive may have names of any length. */
const MAX_LINE = 64 << 10

/** null: a line that is longer than any can be. */
function eachLine(stream: Readable | null, take: (line: string | null) => void): void {
  let rest = ''
  stream?.on('data', (piece: Buffer) => {
    const lines = (rest + piece.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) take(line)
    if (rest.length <= MAX_LINE) return
    rest = ''
    take(null)
  })
}
