/**
 * One entry of a layer's archive: header and extended header together, judged. PURE.
 *
 * Refused is what leads out of the directory that it is unpacked into, and what overlayfs or the kernel would take for an order: redirects that
 * name no path, metadata-only files, device nodes that reach the machine's memory or disks.
 */
import { ArchiveError, type EntryType, type RawHeader } from './tar-header.ts'

export interface Entry {
  type: EntryType
  /** Byte string (latin1) relative to the layer's root, without "./": "etc/passwd"; '' is the root itself. */
  path: string
  /** symlink: its text; link: a path like the above. */
  target: string
  mode: number
  uid: number
  gid: number
  /** Bytes of content in the archive (the stored parts of a sparse file). */
  size: number
  /** Char and block devices. */
  device: { major: number; minor: number } | null
}

export interface EntryPolicy {
  /** Any device node may come in. */
  trustDevices: boolean
}

const LONGEST_PATH = 4096
const LONGEST_NAME = 255
const LARGEST_ID = 2 ** 32 - 2
/** XATTR_SIZE_MAX */
const LARGEST_XATTR = 65536

type Pax = ReadonlyMap<string, Buffer>

/** Throws ArchiveError. */
export function readEntry(header: RawHeader, pax: Pax, policy: EntryPolicy): Entry {
  for (const [keyword, value] of pax) checkKeyword(keyword, value)
  const { type } = header
  if (type === 'pax') throw new ArchiveError('an extended header follows another one')
  const named = checkSparse(pax, pax.get('path')?.toString('latin1') ?? header.name, type)
  const path = pathOf(named, type)
  const target = pax.get('linkpath')?.toString('latin1') ?? header.linkname
  const size = numberOf(pax, 'size', header.size, Number.MAX_SAFE_INTEGER)
  if (type !== 'file' && size !== 0) throw new ArchiveError(`${shown(path)} has content, and it is no file`)
  if ((type === 'link' || type === 'symlink') !== (target !== '')) throw new ArchiveError(`${shown(path)} ${target === '' ? 'is a link to nothing' : 'has a target, and it is no link'}`)
  if (target.length >= LONGEST_PATH) throw new ArchiveError(`${shown(path)} is a link to a path that is too long`)
  if (path === '' && type !== 'directory') throw new ArchiveError('its root is no directory')
  const entry: Entry = {
    type,
    path,
    target: type === 'link' ? pathOf(target, 'link') : target,
    mode: header.mode,
    uid: numberOf(pax, 'uid', header.uid, LARGEST_ID),
    gid: numberOf(pax, 'gid', header.gid, LARGEST_ID),
    size,
    device: type === 'char' || type === 'block' ? { major: header.devmajor, minor: header.devminor } : null,
  }
  if (entry.type === 'link' && entry.target === '') throw new ArchiveError(`${shown(path)} is a hard link to the root`)
  checkXattrs(entry, pax)
  if (entry.device && !policy.trustDevices && !isHarmless(entry)) throw new ArchiveError(`${shown(path)} is the device ${deviceName(entry)}`)
  return entry
}

/** For messages: no control characters, not longer than a line. */
export function shown(path: string): string {
  const text = JSON.stringify(Buffer.from(path, 'latin1').toString('utf8'))
  return text.length <= 120 ? text : `${text.slice(0, 117)}…"`
}

const TIMES = /^-?[0-9]{1,19}(\.[0-9]{1,9})?$/
const NUMBERS = /^(0|[1-9][0-9]{0,15})$/

function checkKeyword(keyword: string, value: Buffer): void {
  if (keyword.startsWith('SCHILY.xattr.')) return
  const bad = (): ArchiveError => new ArchiveError(`an extended header has an impossible ${keyword}`)
  switch (keyword) {
    case 'path':
    case 'linkpath':
    case 'GNU.sparse.name':
      if (value.length === 0 || value.includes(0)) throw bad()
      return
    case 'size':
    case 'uid':
    case 'gid':
    case 'GNU.sparse.realsize':
      if (!NUMBERS.test(value.toString('latin1'))) throw bad()
      return
    case 'mtime':
    case 'atime':
    case 'ctime':
      if (!TIMES.test(value.toString('latin1'))) throw bad()
      return
    case 'GNU.sparse.major':
      if (value.toString('latin1') !== '1') throw bad()
      return
    case 'GNU.sparse.minor':
      if (value.toString('latin1') !== '0') throw bad()
      return
    default:
      throw new ArchiveError(`an extended header has the unknown keyword ${shown(keyword)}`)
  }
}

/** GNU tar's sparse format 1.0: the real name is in the extended header, and the name of the header must not matter. Gives the name. */
function checkSparse(pax: Pax, name: string, type: EntryType): string {
  const keys = ['GNU.sparse.major', 'GNU.sparse.minor', 'GNU.sparse.name', 'GNU.sparse.realsize'].filter((key) => pax.has(key))
  if (keys.length === 0) return name
  if (keys.length !== 4 || type !== 'file') throw new ArchiveError('a sparse file is described by halves')
  // Both must be fit to be unpacked: which of them a tar takes is its own affair.
  pathOf(name, type)
  return pax.get('GNU.sparse.name')?.toString('latin1') ?? name
}

function numberOf(pax: Pax, keyword: string, fallback: number, largest: number): number {
  const text = pax.get(keyword)?.toString('latin1')
  const value = text === undefined ? fallback : Number(text)
  if (!Number.isSafeInteger(value) || value > largest) throw new ArchiveError(`an entry has an impossible ${keyword}`)
  return value
}

/** "./a/b" → "a/b". A directory's name ends with a slash; a file's must not, because GNU tar would make a directory of it. */
function pathOf(name: string, type: EntryType): string {
  if (!name.startsWith('./')) throw new ArchiveError(`${shown(name)} is no path below the root of the layer`)
  if (name.length > LONGEST_PATH) throw new ArchiveError(`${shown(name)} is too long`)
  const path = type === 'directory' ? name.slice(2).replace(/\/$/, '') : name.slice(2)
  if (path === '' && type !== 'directory' && type !== 'link') throw new ArchiveError('its root is no directory')
  if (path === '') return path
  for (const part of path.split('/')) {
    if (part === '' || part === '.' || part === '..') throw new ArchiveError(`${shown(name)} leads out of the layer, or is written so that it might`)
    if (part.length > LONGEST_NAME) throw new ArchiveError(`${shown(name)} has a part that is too long`)
  }
  return path
}

function checkXattrs(entry: Entry, pax: Pax): void {
  for (const [keyword, value] of pax) {
    if (!keyword.startsWith('SCHILY.xattr.')) continue
    // GNU tar writes these two characters so, because "=" ends the keyword.
    const name = keyword.slice('SCHILY.xattr.'.length).replaceAll('%3D', '=').replaceAll('%25', '%')
    if (name.length > LONGEST_NAME || value.length > LARGEST_XATTR) throw new ArchiveError(`${shown(entry.path)} has an extended attribute that is too large`)
    const reason = xattrProblem(name, value.toString('latin1'), entry)
    if (reason !== null) throw new ArchiveError(`${shown(entry.path)} has the extended attribute ${shown(name)} ${reason}`)
  }
}

const OVERLAY = 'trusted.overlay.'

function xattrProblem(name: string, value: string, { type }: Entry): string | null {
  if (name.startsWith(OVERLAY)) return overlayProblem(name.slice(OVERLAY.length), value, type)
  if (/^(user|trusted)\../.test(name) || name === 'security.capability') return null
  // Access control lists, as the kernel has them: with ids, not with names of this machine's users.
  if (name === 'system.posix_acl_access' || (name === 'system.posix_acl_default' && type === 'directory')) return null
  return 'that tlxc does not export'
}

/** What overlayfs acts on. A layer of ours has no other marks; "overlay." again: those of an overlay inside the container. */
function overlayProblem(mark: string, value: string, type: EntryType): string | null {
  if (mark.startsWith('overlay.')) return null
  switch (mark) {
    case 'opaque':
      return type === 'directory' && (value === 'y' || value === 'x') ? null : 'of an unknown kind'
    case 'impure':
      return type === 'directory' && value === 'y' ? null : 'of an unknown kind'
    case 'redirect':
      return type === 'directory' && isRedirect(value) ? null : 'that leads nowhere'
    case 'protattr':
      return /^[ia]{1,2}$/.test(value) ? null : 'of an unknown kind'
    default:
      return 'that no layer of tlxc has'
  }
}

/** A name in the same directory, or an absolute path in the layers below. */
function isRedirect(value: string): boolean {
  if (value.length >= LONGEST_PATH || value.includes('\0')) return false
  const parts = value.startsWith('/') ? value.slice(1).split('/') : [value]
  return parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('/') && part.length <= LONGEST_NAME)
}

/**
 * Whiteouts, and what every root file system has: null, zero, full, random, urandom, kmsg's place is not here; terminals; tun and fuse, which
 * act for the namespace that opens them. What else a container may use, its device rules say.
 */
function isHarmless({ type, device }: Entry): boolean {
  if (type !== 'char' || device === null) return false
  const { major, minor } = device
  if (major === 0) return minor === 0
  if (major === 1) return [3, 5, 7, 8, 9].includes(minor)
  if (major === 10) return minor === 200 || minor === 229
  return major === 4 || major === 5 || (major >= 136 && major <= 143)
}

function deviceName({ type, device }: Entry): string {
  return `${type === 'block' ? 'b' : 'c'} ${device?.major ?? 0}:${device?.minor ?? 0}`
}
