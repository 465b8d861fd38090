/**
 * One layer of an OCI image → a directory, and what it says of the layers below. merge.ts makes one plain tree of several; overlay.ts makes it
 * a lower layer for overlayfs.
 */
import type { Stats } from 'node:fs'
import { errnoOf, TlxcError } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import { findBelow, type LowerLayer } from './below.ts'
import { extract, type Extracted, type Extraction } from './extract.ts'
import { ancestorsOf, at, below as childOf, shownName } from './name.ts'
import { unusable } from './types.ts'

/** Paths as name.ts has them. None of them passes a symbolic link. */
export interface LayerMarks {
  /** What layers below have here is gone. A directory of this layer may stand in its place. */
  readonly whiteouts: ReadonlySet<string>
  /** Directories that hide all that layers below have in them. */
  readonly opaques: ReadonlySet<string>
  /** Directories that the archive does not list: made only because something is in them, so the attributes of the layer below hold. */
  readonly implied: ReadonlySet<string>
  /** It had device nodes, which may have been left out. */
  readonly devices: boolean
  /** It has hard links to files of layers below, which were copied. */
  readonly copied: boolean
}

export interface UnpackOptions extends Extraction {
  /** What people call the image. */
  readonly image: string
  /** false for a container with its own ids: a node of the image would open a device of this machine. */
  readonly devices: boolean
  /** Topmost first: what hard links may lead to. */
  readonly below: readonly LowerLayer[]
}

const PREFIX = '.wh.'
const OPAQUE = '.wh..wh..opq'

/** Makes the directory and fills it. Throws TlxcError TEMPLATE for an archive that cannot be unpacked, SPACE; what was unpacked then stays. */
export async function unpackLayer(host: Host, options: UnpackOptions): Promise<LayerMarks> {
  const { directory, image, devices } = options
  try {
    makeDirectory(host, directory)
    const { extracted, copied } = await unpack(host, options)
    const found: Walk = { whiteouts: new Set(), opaques: new Set(), implied: new Set(), hasDevices: false, listed: extracted.directories, devices }
    walk(host, directory, '', found)
    dropHidden(host, directory, copied.filter((path) => !extracted.seen.has(path)), found)
    const { whiteouts, opaques, implied, hasDevices } = found
    return { whiteouts, opaques, implied, devices: hasDevices, copied: copied.length > 0 }
  } catch (error) {
    // Names one after the other can be longer than the kernel takes in one path.
    throw errnoOf(error) === 'ENAMETOOLONG' ? unusable(image, 'the path of a file in it is too long') : error
  }
}

/**
 * A hard link to a file that only layers below have is made as the kernel makes one on an overlay: the file is copied up first, and both names
 * are this layer's. tar cannot know of it; it says that it fails, and gets another try with the file in its place.
 */
async function unpack(host: Host, options: UnpackOptions): Promise<{ extracted: Extracted; copied: readonly string[] }> {
  const first = await extract(host, options)
  if (first.failure === null) return { extracted: first, copied: [] }
  const copied = linkedBelow(host, options, first)
  if (copied.length === 0) throw first.failure
  await clear(host, options.directory)
  for (const path of copied) await copyUp(host, options, path)
  const second = await extract(host, options, new Set(copied))
  if (second.failure !== null) throw second.failure
  return { extracted: second, copied }
}

/** Files of layers below that hard links of this one lead to, and that it does not have itself. */
function linkedBelow(host: Host, { directory, below }: UnpackOptions, { targets }: Extracted): string[] {
  return [...targets].filter((target) => {
    if (lookAt(host, directory, target) !== undefined) return false
    const found = findBelow(host, below, target)
    return found !== null && !found.stats.isDirectory()
  })
}

/** undefined also where something else than a directory is on the way. */
function lookAt(host: Host, directory: string, path: string): Stats | undefined {
  try {
    return host.fs.lstatSync(at(directory, path), { throwIfNoEntry: false })
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR' || errnoOf(error) === 'ELOOP') return undefined
    throw error
  }
}

async function clear(host: Host, directory: string): Promise<void> {
  const { exitCode, stderr } = await host.exec('rm', ['-rf', '--one-file-system', '--', directory])
  if (exitCode !== 0) throw new TlxcError('IO', `cannot remove "${directory}": ${stderr.trim().split('\n')[0] ?? ''}`)
  makeDirectory(host, directory)
}

/** Whatever the umask is. */
function makeDirectory(host: Host, path: string | Buffer): void {
  host.fs.mkdirSync(path)
  host.fs.chmodSync(path, 0o755)
}

/** With its owner, times and attributes, as overlayfs does it. */
async function copyUp(host: Host, { directory, below, image }: UnpackOptions, path: string): Promise<void> {
  const found = findBelow(host, below, path)
  const name = Buffer.from(path, 'latin1').toString('utf8')
  if (found === null || !Buffer.from(name).equals(Buffer.from(path, 'latin1'))) throw unusable(image, `"${shownName(path)}", which it has a hard link to, has a name that is no UTF-8`)
  for (const ancestor of ancestorsOf(path)) if (lookAt(host, directory, ancestor) === undefined) makeDirectory(host, at(directory, ancestor))
  const { exitCode, stderr } = await host.exec('cp', ['-a', '--reflink=auto', '--no-target-directory', '--', `${found.directory}/${name}`, `${directory}/${name}`])
  if (exitCode === 0) return
  const full = /No space left on device|Disk quota exceeded/.test(stderr)
  throw new TlxcError(full ? 'SPACE' : 'STORAGE', `cannot copy "${found.directory}/${name}": ${stderr.trim().split('\n')[0] ?? ''}`, { hint: full ? 'make room on that filesystem' : 'see what is wrong with that file' })
}

/** Of the files that were copied up and are not in the archive, those that this layer hides under their old names: only the links are left. */
function dropHidden(host: Host, directory: string, copied: readonly string[], { whiteouts, opaques, listed }: Walk): void {
  for (const path of copied) {
    const above = ancestorsOf(path)
    const hidden = whiteouts.has(path) || above.some((ancestor) => opaques.has(ancestor) || whiteouts.has(ancestor))
    if (!hidden) continue
    host.fs.rmSync(at(directory, path), { force: true })
    // Made for it alone.
    for (const ancestor of above.reverse()) {
      if (ancestor === '' || listed.has(ancestor) || host.fs.readdirSync(at(directory, ancestor)).length > 0) break
      host.fs.rmdirSync(at(directory, ancestor))
    }
  }
}

interface Walk {
  whiteouts: Set<string>
  opaques: Set<string>
  implied: Set<string>
  hasDevices: boolean
  readonly listed: ReadonlySet<string>
  readonly devices: boolean
}

/**
 * Collects the marks and takes them, and unwanted devices, out of the tree. Real directories only: no link is followed, whatever names the
 * archive had. A device 0/0 is never wanted: for overlayfs it would be a whiteout.
 */
function walk(host: Host, root: string, path: string, found: Walk): void {
  const directory = at(root, path)
  const before = host.fs.lstatSync(directory)
  let changed = false
  if (!found.listed.has(path)) found.implied.add(path)
  for (const name of host.fs.readdirSync(directory, 'latin1')) {
    const here = childOf(path, name)
    const stats = host.fs.lstatSync(at(root, here))
    const isDevice = stats.isBlockDevice() || stats.isCharacterDevice()
    const isMark = name.startsWith(PREFIX)
    if (isMark) note(path, name, found)
    else if (isDevice && stats.rdev !== 0) found.hasDevices = true
    if (isMark || (isDevice && (!found.devices || stats.rdev === 0))) {
      host.fs.rmSync(at(root, here), { recursive: true, force: true })
      changed = true
    } else if (stats.isDirectory()) walk(host, root, here, found)
  }
  if (changed) host.fs.utimesSync(directory, before.atimeMs / 1000, before.mtimeMs / 1000)
}

function note(path: string, name: string, { whiteouts, opaques }: Walk): void {
  if (name === OPAQUE) opaques.add(path)
  const hidden = name.slice(PREFIX.length)
  // Other names with two marks are notes that aufs keeps for itself. "." and "..": nobody may hide a directory from within.
  if (hidden === '' || hidden === '.' || hidden === '..' || hidden.startsWith(PREFIX)) return
  whiteouts.add(childOf(path, hidden))
}

/** Mode, owner and times of a directory, from what lstat told of another one. */
export function copyAttributes(host: Host, to: Buffer, { mode, uid, gid, atimeMs, mtimeMs }: Stats): void {
  host.fs.chownSync(to, uid, gid)
  host.fs.chmodSync(to, mode & 0o7777)
  host.fs.utimesSync(to, atimeMs / 1000, mtimeMs / 1000)
}
