/**
 * A layer's archive as a stream: every header is judged before the bytes go on to GNU tar. PURE.
 *
 * Feed it a piece, then pass the same piece on. The last header in a piece may be incomplete: GNU tar does nothing with half a header,
 * and an extended header has no effect before the header that follows it.
 */
import { readEntry, shown, type Entry, type EntryPolicy } from './tar-entry.ts'
import { ArchiveError, BLOCK, NoRoomError, padded, parseHeader, parsePax, type RawHeader } from './tar-header.ts'

export interface CheckLimits extends EntryPolicy {
  /** Bytes of content that may be unpacked: what the filesystem has free. */
  maxBytes: number
  /** Files, directories and so on: its free inodes. */
  maxEntries: number
}

export interface CheckSums {
  entries: number
  /** Content, holes not counted. */
  bytes: number
  /** Largest user or group id: a container's range must reach so far. */
  largestId: number
}

/** Extended attributes of one file are at most some times 64 KiB; more is an attack on memory. */
const LARGEST_PAX = 1 << 20
const LARGEST_SYMLINKS = 4 << 20
/** Their names are kept, bytes. */
const LARGEST_NAMES = 512 << 20
/** What each entry takes on the disk beside its content, at least. */
const ENTRY_COST = 256

export class TarCheck {
  readonly #limits: CheckLimits
  readonly #sums: CheckSums = { entries: 0, bytes: 0, largestId: 0 }
  /** Byte strings of those seen; what lies "below" one would be written to where it points. */
  readonly #symlinks = new Set<string>()
  #symlinkBytes = 0
  #partial = Buffer.alloc(0)
  /** Bytes of content to pass over. */
  #skip = 0
  #pax: Map<string, Buffer> | null = null
  /** An extended header whose content is being collected. */
  #paxHeader: RawHeader | null = null
  #zeros = 0

  constructor(limits: CheckLimits) {
    this.#limits = limits
  }

  get sums(): Readonly<CheckSums> {
    return this.#sums
  }

  /** Throws ArchiveError. */
  push(piece: Uint8Array): void {
    let at = 0
    while (at < piece.length) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, piece.length - at)
        this.#skip -= passed
        at += passed
        continue
      }
      const wanted = (this.#paxHeader === null ? BLOCK : padded(this.#paxHeader.size)) - this.#partial.length
      const taken = piece.subarray(at, at + wanted)
      at += taken.length
      this.#partial = this.#partial.length === 0 ? Buffer.from(taken) : Buffer.concat([this.#partial, taken])
      if (taken.length < wanted) return
      const whole = this.#partial
      this.#partial = Buffer.alloc(0)
      this.#take(whole)
    }
  }

  /** Throws ArchiveError when the archive is not complete. */
  end(): void {
    if (this.#skip > 0 || this.#partial.length > 0 || this.#paxHeader !== null || this.#zeros < 2) throw new ArchiveError('a layer ends too early')
    if (this.#sums.entries === 0) throw new ArchiveError('a layer is empty')
  }

  #take(bytes: Buffer): void {
    if (this.#paxHeader !== null) {
      this.#pax = parsePax(bytes.subarray(0, this.#paxHeader.size))
      this.#paxHeader = null
      return
    }
    const header = parseHeader(bytes)
    if (header === null) return this.#takeZeros()
    // What follows the end is read by one tar and not by another.
    if (this.#zeros > 0) throw new ArchiveError('a layer goes on after its end')
    if (header.type !== 'pax') return this.#takeEntry(readEntry(header, this.#pax ?? new Map(), this.#limits))
    if (this.#pax !== null) throw new ArchiveError('an extended header follows another one')
    if (header.size === 0 || header.size > LARGEST_PAX) throw new ArchiveError('an extended header is empty or too large')
    this.#paxHeader = header
  }

  #takeZeros(): void {
    if (this.#pax !== null) throw new ArchiveError('an extended header has no entry')
    this.#zeros++
  }

  #takeEntry(entry: Entry): void {
    this.#pax = null
    const { entries } = this.#sums
    if ((entry.path === '') !== (entries === 0)) throw new ArchiveError(entries === 0 ? 'a layer does not begin with its root' : 'a layer has two roots')
    this.#checkAncestors(entry.path)
    if (entry.type === 'link') this.#checkAncestors(entry.target)
    // Another name of a symbolic link is one, too.
    if (entry.type === 'symlink' || (entry.type === 'link' && this.#symlinks.has(entry.target))) this.#addSymlink(entry.path)
    // A second entry of that name would be written through the link.
    else if (this.#symlinks.has(entry.path)) throw new ArchiveError(`${shown(entry.path)} is there twice`)
    this.#count(entry)
    this.#skip = padded(entry.size)
  }

  #checkAncestors(path: string): void {
    if (this.#symlinks.size === 0) return
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      if (this.#symlinks.has(path.slice(0, slash))) throw new ArchiveError(`${shown(path)} lies below a symbolic link`)
    }
  }

  #addSymlink(path: string): void {
    if (this.#symlinks.has(path)) throw new ArchiveError(`${shown(path)} is there twice`)
    this.#symlinkBytes += path.length
    if (this.#symlinks.size >= LARGEST_SYMLINKS || this.#symlinkBytes > LARGEST_NAMES) throw new ArchiveError('a layer has too many symbolic links')
    this.#symlinks.add(path)
  }

  #count({ size, uid, gid }: Entry): void {
    this.#sums.entries++
    this.#sums.bytes += size
    this.#sums.largestId = Math.max(this.#sums.largestId, uid, gid)
    const { maxBytes, maxEntries } = this.#limits
    if (this.#sums.bytes + this.#sums.entries * ENTRY_COST > maxBytes) throw new NoRoomError('it is larger than the free space')
    if (this.#sums.entries > maxEntries) throw new NoRoomError('it has more files than the filesystem has room for')
  }
}
