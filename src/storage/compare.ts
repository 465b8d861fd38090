/**
 * What differs between two mounted views of stacks on one filesystem, or between two plain trees. Only directories that are in `layers` are entered. Names
 * are bytes; here they are strings of one character a byte (latin1).
 */
import type { BigIntStats } from 'node:fs'
import type { Host } from '../host/host.ts'

export interface View {
  /** Where it is mounted. */
  root: string
  /** Subtracted from owner and group: a running container's view shows shifted ids. */
  shift: { uid: number; gid: number }
}

export interface Difference {
  kind: 'A' | 'M' | 'D'
  path: Uint8Array
}

/** layers: paths of the trees (layers, uppers) that only one of the two stacks has; of plain trees, both. */
export function compareViews(host: Host, before: View, after: View, layers: readonly string[]): Difference[] {
  const touched = new Set<string>([''])
  for (const layer of layers) collectDirectories(host, layer, '', touched)
  const found: Difference[] = []
  const tell = (kind: Difference['kind'], path: string): void => void found.push({ kind, path: bytes(path) })

  const compareDirectory = (path: string): void => {
    const [old, now] = [namesOf(host, before.root + path), namesOf(host, after.root + path)]
    for (const name of new Set([...old, ...now])) compareEntry(`${path}/${name}`)
  }
  const compareEntry = (path: string): void => {
    const [old, now] = [statOf(host, before.root + path), statOf(host, after.root + path)]
    if (old === undefined && now === undefined) return
    if (old === undefined) return tellAll(after.root, path, 'A')
    if (now === undefined) return tellAll(before.root, path, 'D')
    if (old.isDirectory() !== now.isDirectory()) {
      // Everything below it went, or came.
      if (old.isDirectory()) namesOf(host, before.root + path).forEach((name) => tellAll(before.root, `${path}/${name}`, 'D'))
      tell('M', path)
      if (now.isDirectory()) namesOf(host, after.root + path).forEach((name) => tellAll(after.root, `${path}/${name}`, 'A'))
      return
    }
    if (!sameMetadata(old, now, before, after) || (!old.isDirectory() && !sameFile(old, now) && !sameContent(host, before.root + path, after.root + path, old, now))) tell('M', path)
    if (old.isDirectory() && (touched.has(path) || old.ino !== now.ino)) compareDirectory(path)
  }
  const tellAll = (root: string, path: string, kind: 'A' | 'D'): void => {
    tell(kind, path)
    if (statOf(host, root + path)?.isDirectory() === true) for (const name of namesOf(host, root + path)) tellAll(root, `${path}/${name}`, kind)
  }

  compareDirectory('')
  return found
}

function collectDirectories(host: Host, root: string, path: string, into: Set<string>): void {
  for (const name of namesOf(host, root + path)) {
    const below = `${path}/${name}`
    if (statOf(host, root + below)?.isDirectory() !== true) continue
    into.add(below)
    collectDirectories(host, root, below, into)
  }
}

function sameMetadata(old: BigIntStats, now: BigIntStats, before: View, after: View): boolean {
  const same = old.mode === now.mode && Number(old.uid) - before.shift.uid === Number(now.uid) - after.shift.uid && Number(old.gid) - before.shift.gid === Number(now.gid) - after.shift.gid
  // Times of directories change with every name in them, which is told by itself.
  return same && old.rdev === now.rdev && (old.isDirectory() || (old.size === now.size && old.mtimeNs === now.mtimeNs))
}

/** A snapshot of a btrfs subvolume has the inode numbers of its original; there only the time of the last change tells. */
function sameFile(old: BigIntStats, now: BigIntStats): boolean {
  return old.ino === now.ino && old.ctimeNs === now.ctimeNs
}

const CHUNK = 1 << 20

/** Copied up without a change it is another inode with the same bytes. */
function sameContent(host: Host, a: string, b: string, old: BigIntStats, now: BigIntStats): boolean {
  if (old.isSymbolicLink() && now.isSymbolicLink()) return host.fs.readlinkSync(bytes(a), 'latin1') === host.fs.readlinkSync(bytes(b), 'latin1')
  if (!old.isFile() || !now.isFile()) return true
  const [first, second] = [open(host, a), open(host, b)]
  try {
    const [left, right] = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)]
    for (;;) {
      const n = host.fs.readSync(first, left, 0, CHUNK, null)
      const m = host.fs.readSync(second, right, 0, CHUNK, null)
      if (n !== m || left.compare(right, 0, m, 0, n) !== 0) return false
      if (n === 0) return true
    }
  } finally {
    host.fs.closeSync(first)
    host.fs.closeSync(second)
  }
}

/** A running container may put a FIFO in a file's place between the look and the open. */
function open(host: Host, path: string): number {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = host.fs.constants
  return host.fs.openSync(bytes(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
}

function namesOf(host: Host, path: string): string[] {
  try {
    return host.fs.readdirSync(bytes(path), 'latin1')
  } catch {
    // A running container removed it meanwhile.
    return []
  }
}

function statOf(host: Host, path: string): BigIntStats | undefined {
  try {
    return host.fs.lstatSync(bytes(path), { bigint: true, throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1')
}
