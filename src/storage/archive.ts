/**
 * The file that tlxc-export writes, uncompressed (zstd goes around it). PURE.
 *
 * It is a tar archive, so that `zstd -dc FILE | tar x` shows what is in it, and a stream in both directions: nothing needs to be known before it is
 * written. In this order, each a plain file:
 *
 *     manifest.json             format and version, configuration, layers
 *     layers/ID/00000000 …      the layer's own tar archive, cut into pieces; the bottom layer first. `tar xO --wildcards 'layers/ID/*' | tar t`
 *     SHA256SUMS                sums of the manifest and of each layer's archive, the pieces joined, named "layers/ID"
 */
import { createHash, type Hash } from 'node:crypto'
import { ArchiveError, BLOCK, encodeFileHeader, padded, parseHeader } from './tar-header.ts'

const MANIFEST_MEMBER = 'manifest.json'
const SUMS_MEMBER = 'SHA256SUMS'
/** A piece is in memory as a whole. */
const PIECE = 1 << 20
const LARGEST_MANIFEST = 16 << 20

/**
 * How GNU tar writes a layer. It passes over sockets in silence; what else it says is taken for a failure (tar-stream.ts). No --acls: access
 * control lists go as the extended attributes that they are, with ids; their text form would have names of this machine's users. What says where a file came from is of no meaning elsewhere (origin, uuid), labels of this machine neither.
 */
export const EXPORT_TAR_ARGS: readonly string[] = [
  '--create', '--file=-', '--format=posix', '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime', '--numeric-owner',
  '--xattrs', '--xattrs-include=*', '--xattrs-exclude=security.[!c]*',
  ...['origin', 'uuid', 'nlink', 'upper', 'metacopy'].map((mark) => `--xattrs-exclude=trusted.overlay.${mark}`),
  '--sparse', '--sort=name', '--warning=no-file-ignored',
]

/** How it unpacks one, in its working directory. Without --xattrs-include trusted.* would be lost: deleted files would come back. */
export const IMPORT_TAR_ARGS: readonly string[] = [
  '--extract', '--file=-', '--preserve-permissions', '--same-owner', '--numeric-owner', '--xattrs', '--xattrs-include=*', '--delay-directory-restore', '--warning=no-timestamp',
]

type Pieces = AsyncIterable<Uint8Array>

/** The members from manifest to end, in pieces of no particular size. layers: in the order of the archive. */
export async function* writeArchive(manifest: string, mtimeSeconds: number, layers: Iterable<{ id: string; open: () => Pieces }>): AsyncGenerator<Uint8Array, void> {
  const sums: string[] = []
  const member = (name: string, content: Uint8Array): Uint8Array[] => [
    encodeFileHeader(name, content.length, mtimeSeconds),
    content,
    Buffer.alloc(padded(content.length) - content.length),
  ]
  yield* member(MANIFEST_MEMBER, Buffer.from(manifest))
  sums.push(sumLine(createHash('sha256').update(manifest), MANIFEST_MEMBER))
  for (const { id, open } of layers) {
    const hash = createHash('sha256')
    let at = 0
    for await (const piece of rechunk(open(), PIECE)) {
      hash.update(piece)
      yield* member(`layers/${id}/${String(at++).padStart(8, '0')}`, piece)
    }
    sums.push(sumLine(hash, `layers/${id}`))
  }
  yield* member(SUMS_MEMBER, Buffer.from(sums.join('')))
  yield Buffer.alloc(2 * BLOCK)
}

function sumLine(hash: Hash, name: string): string {
  return `${hash.digest('hex')}  ${name}\n`
}

async function* rechunk(pieces: Pieces, size: number): AsyncGenerator<Uint8Array, void> {
  let held: Uint8Array[] = []
  let length = 0
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + size - length)
      held.push(part)
      length += part.length
      at += part.length
      if (length < size) continue
      yield Buffer.concat(held)
      held = []
      length = 0
    }
  }
  if (length > 0) yield Buffer.concat(held)
}

/** Reads what writeArchive wrote; anything else is refused with ArchiveError. Call manifest(), then layer() for each, then finish(). */
export class ArchiveReader {
  readonly #source: AsyncIterator<Uint8Array>
  #held: Uint8Array = Buffer.alloc(0)
  #next: { name: string; size: number } | null = null
  readonly #sums: string[] = []
  #ended = false

  constructor(source: Pieces) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** The stream was read to its end: whoever made it will say why, if that was too early. */
  get ended(): boolean {
    return this.#ended
  }

  async manifest(): Promise<string> {
    const block = await this.#take(BLOCK)
    // Whatever its first bytes are: who gave the wrong file need not know about headers.
    const found = isHeader(block) ? parseHeader(block) : null
    if (found?.name !== MANIFEST_MEMBER || found.type !== 'file' || found.size > LARGEST_MANIFEST) throw new ArchiveError('it is no archive of tlxc-export')
    const { size } = found
    const content = await this.#content(size)
    this.#sums.push(sumLine(createHash('sha256').update(content), MANIFEST_MEMBER))
    return content.toString('utf8')
  }

  /** The layer's own archive in pieces; to be read to its end. */
  async *layer(id: string): AsyncGenerator<Buffer, void> {
    const hash = createHash('sha256')
    for (let at = 0; ; at++) {
      const header = await this.#header()
      if (header.name !== `layers/${id}/${String(at).padStart(8, '0')}`) {
        if (at === 0 || header.name.startsWith(`layers/${id}/`)) throw new ArchiveError(`it has "${printable(header.name)}" where a part of layer ${id} should be`)
        this.#next = header
        break
      }
      if (header.size > PIECE) throw new ArchiveError(`it has a piece of layer ${id} that is too large`)
      const piece = await this.#content(header.size)
      hash.update(piece)
      yield piece
    }
    this.#sums.push(sumLine(hash, `layers/${id}`))
  }

  /** Throws ArchiveError unless every sum is as it was when it was written, and the archive ends here. */
  async finish(): Promise<void> {
    const { name, size } = await this.#header()
    if (name !== SUMS_MEMBER || size > LARGEST_MANIFEST) throw new ArchiveError(`it has "${printable(name)}" where its checksums should be`)
    const written = (await this.#content(size)).toString('latin1').split(/(?<=\n)/)
    const wrong = this.#sums.find((line, at) => line !== written[at])
    if (wrong !== undefined || written.length !== this.#sums.length) throw new ArchiveError(`its checksums are wrong: ${wrong?.slice(66).trim() ?? 'some'} is damaged`)
    const end = await this.#take(2 * BLOCK)
    if (end.some((byte) => byte !== 0)) throw new ArchiveError('it goes on after its end')
    for (let rest = await this.#source.next(); !rest.done; rest = await this.#source.next()) {
      if (rest.value.some((byte) => byte !== 0)) throw new ArchiveError('it goes on after its end')
    }
  }

  async #header(): Promise<{ name: string; size: number }> {
    const known = this.#next
    this.#next = null
    if (known !== null) return known
    const header = parseHeader(await this.#take(BLOCK))
    if (header === null) throw new ArchiveError('it ends too early')
    if (header.type !== 'file') throw new ArchiveError('it is no archive of tlxc-export')
    return { name: header.name, size: header.size }
  }

  async #content(size: number): Promise<Buffer> {
    return (await this.#take(padded(size))).subarray(0, size)
  }

  async #take(size: number): Promise<Buffer> {
    const parts: Uint8Array[] = []
    for (let wanted = size; wanted > 0; ) {
      if (this.#held.length === 0) {
        const next = await this.#source.next()
        if (next.done) {
          this.#ended = true
          throw new ArchiveError('it ends too early')
        }
        this.#held = next.value
      }
      const part = this.#held.subarray(0, wanted)
      this.#held = this.#held.subarray(part.length)
      wanted -= part.length
      parts.push(part)
    }
    return Buffer.concat(parts)
  }
}

function isHeader(block: Uint8Array): boolean {
  try {
    return parseHeader(block) !== null
  } catch {
    return false
  }
}

function printable(name: string): string {
  return name.replace(/[^ -~]/g, '?')
}
