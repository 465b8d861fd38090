/**
 * One header of a tar archive (POSIX pax interchange format, as GNU tar --format=posix writes it), read strictly. PURE.
 *
 * What comes from outside is read here before GNU tar sees it, so the two must not read it differently. Therefore nothing is guessed and nothing
 * is skipped: each form that GNU tar does not write itself in this format is refused (its old long names, base-256 numbers, prefixes, global
 * headers, unknown keywords). node-tar's reader is of no use for this: it splits pax records at newlines, which extended attributes contain.
 */

export const BLOCK = 512

/** Why an archive is refused; one line without full stop. */
export class ArchiveError extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'ArchiveError'
  }
}

/** It may be a good one, but not for this filesystem. */
export class NoRoomError extends ArchiveError {}

export type EntryType = 'file' | 'link' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo'

/** The 512 bytes. Names are byte strings (latin1), as everything that is compared with names. */
export interface RawHeader {
  type: EntryType | 'pax'
  name: string
  linkname: string
  mode: number
  uid: number
  gid: number
  /** Bytes of content that follow, padded to whole blocks. */
  size: number
  devmajor: number
  devminor: number
}

const TYPES: Readonly<Record<string, RawHeader['type']>> = {
  '0': 'file', '1': 'link', '2': 'symlink', '3': 'char', '4': 'block', '5': 'directory', '6': 'fifo', x: 'pax',
}

/** null: a block of zeros, which ends the archive when a second one follows. Throws ArchiveError. */
export function parseHeader(block: Uint8Array): RawHeader | null {
  if (block.every((byte) => byte === 0)) return null
  const header = Buffer.from(block.buffer, block.byteOffset, BLOCK)
  if (header.toString('latin1', 257, 265) !== 'ustar\u000000') throw new ArchiveError('a header is no POSIX tar header')
  if (checksum(header) !== octal(header, 148, 8, 'checksum')) throw new ArchiveError('a header has a wrong checksum')
  const flag = header.toString('latin1', 156, 157)
  const type = TYPES[flag]
  if (type === undefined) throw new ArchiveError(`an entry has the unknown type ${JSON.stringify(flag)}`)
  if (header[345] !== 0) throw new ArchiveError('a header has a name with a prefix')
  const mode = octal(header, 100, 8, 'mode')
  if (mode > 0o7777) throw new ArchiveError('a header has an impossible mode')
  return {
    type,
    name: text(header, 0, 100),
    linkname: text(header, 157, 100),
    mode,
    uid: octal(header, 108, 8, 'user id'),
    gid: octal(header, 116, 8, 'group id'),
    size: octal(header, 124, 12, 'size'),
    devmajor: octal(header, 329, 8, 'device number'),
    devminor: octal(header, 337, 8, 'device number'),
  }
}

/** A header of a plain file; what the archive around the layers consists of. */
export function encodeFileHeader(name: string, size: number, mtimeSeconds: number): Buffer {
  const header = Buffer.alloc(BLOCK)
  if (Buffer.byteLength(name) > 100) throw new RangeError(`${name} is too long for a header`)
  header.write(name, 0, 'utf8')
  const number = (value: number, at: number, width: number): void => void header.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1')
  number(0o600, 100, 8)
  number(0, 108, 8)
  number(0, 116, 8)
  number(size, 124, 12)
  number(mtimeSeconds, 136, 12)
  header.write('0', 156, 'latin1')
  header.write('ustar\u000000', 257, 'latin1')
  number(0, 329, 8)
  number(0, 337, 8)
  header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

/** Keyword → value (bytes) of an extended header's content. Throws ArchiveError for anything but records of the exact form "LENGTH KEYWORD=VALUE\n". */
export function parsePax(content: Uint8Array): Map<string, Buffer> {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  const records = new Map<string, Buffer>()
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at)
    const digits = space < 0 ? '' : bytes.toString('latin1', at, Math.min(space, at + 12))
    const length = /^[1-9][0-9]{0,8}$/.test(digits) ? Number(digits) : 0
    const end = at + length
    if (length <= digits.length + 1 || end > bytes.length || bytes[end - 1] !== 0x0a) throw new ArchiveError('an extended header is damaged')
    const equals = bytes.indexOf(0x3d, space + 1)
    if (equals < 0 || equals >= end) throw new ArchiveError('an extended header is damaged')
    const keyword = bytes.toString('latin1', space + 1, equals)
    if (keyword === '' || keyword.includes('\0')) throw new ArchiveError('an extended header has a keyword that is none')
    if (records.has(keyword)) throw new ArchiveError(`an extended header says ${JSON.stringify(keyword)} twice`)
    records.set(keyword, bytes.subarray(equals + 1, end - 1))
    at = end
  }
  return records
}

/** Bytes of content with its padding. */
export function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK
}

/** The checksum's own field counts as blanks. */
function checksum(header: Buffer): number {
  let sum = 0
  for (let at = 0; at < BLOCK; at++) sum += at >= 148 && at < 156 ? 0x20 : (header[at] ?? 0)
  return sum
}

/** Up to the first NUL, or all of the field. */
function text(header: Buffer, at: number, width: number): string {
  const end = header.indexOf(0, at)
  return header.toString('latin1', at, end < 0 || end > at + width ? at + width : end)
}

/** Digits up to a NUL or blank; an empty field is 0. */
function octal(header: Buffer, at: number, width: number, what: string): number {
  const match = /^([0-7]*)[\0 ]*$/.exec(header.toString('latin1', at, at + width))
  if (!match) throw new ArchiveError(`a header has an unreadable ${what}`)
  return parseInt(match[1] || '0', 8)
}
