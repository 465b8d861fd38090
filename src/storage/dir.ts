/** Storage "dir": a plain directory. */
import { dirname } from 'node:path'
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { interruptedBy } from '../host/interrupted.ts'
import type { StorageDriver, StoragePlace } from './driver.ts'
import { mountsBelow } from './mounts.ts'
import { isBtrfs } from './subvolume.ts'
import { discard, removeTree } from './trash.ts'

export const dirStorage: StorageDriver = {
  type: 'dir',

  rootfs: (place) => `${place.elsewhere ?? place.directory}/rootfs`,

  async prepare(host, place) {
    if (place.elsewhere !== undefined) closeDirectory(host, place.elsewhere)
    try {
      // Open for everybody inside; the closed directory above keeps everybody else out.
      host.fs.mkdirSync(this.rootfs(place), { mode: 0o755 })
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
      throw new TlxcError('EXISTS', `cannot make "${this.rootfs(place)}": it exists`, { hint: 'name another directory with --dir' })
    }
  },

  async commit(host, place) {
    requireFilled(host, this.rootfs(place))
  },

  async copy(host, from, to) {
    await copyTree(host, from, to)
  },

  async remove(host, lxcpath, path) {
    if (host.fs.lstatSync(path, { throwIfNoEntry: false })) await discard(host, lxcpath, path)
  },

  async destroy(host, place, rootfs) {
    const found = host.fs.lstatSync(rootfs, { throwIfNoEntry: false })
    if (!found) return
    if (found.isDirectory()) refuseAncestor(host, place, rootfs)
    // A link that somebody put in place of the root file system: what it points to is not ours.
    if (!found.isDirectory()) host.fs.unlinkSync(rootfs)
    else await discard(host, dirname(rootfs), rootfs)
    if (!isBelow(rootfs, place.directory)) removeClosed(host, dirname(rootfs))
  },
}

/**
 * Everything of a tree (xattrs, ACLs, links, devices, holes) by cp(1), sharing blocks where the filesystem can. It stays on one filesystem,
 * subvolumes of btrfs included. lock: file of a flock(2) to be held, shared, meanwhile. Throws TlxcError SPACE, STORAGE, BUSY; then `to` is gone.
 */
export async function copyTree(host: Host, from: string, to: string, lock?: string): Promise<void> {
  const held = lock === undefined ? [] : ['flock', '--shared', lock]
  const [file = '', ...args] = [...held, 'cp', '-a', '--reflink=auto', '--sparse=auto', ...oneFileSystem(host, from), '--', from, to]
  const { exitCode, signal, stderr } = await host.exec(file, args)
  if (exitCode === 0) return
  if (host.fs.existsSync(to)) await removeTree(host, to)
  const reason = stderr.trim().split('\n')[0] || `cp ended with ${exitCode ?? 'a signal'}`
  const full = /No space left on device|Disk quota exceeded/.test(stderr)
  throw interruptedBy(signal) ?? new TlxcError(full ? 'SPACE' : 'STORAGE', `cannot copy "${from}": ${reason}`, { hint: full ? `make room on the filesystem of "${to}"` : 'see what is wrong with that file' })
}

/** To cp and tar, each subvolume is a file system of its own, and what is in it would be left out. So there nothing else may be mounted. Throws TlxcError BUSY. */
export function oneFileSystem(host: Host, from: string): string[] {
  if (!isBtrfs(host, from)) return ['--one-file-system']
  const root = host.fs.realpathSync(from)
  const [mount] = mountsBelow(host, root).filter((path) => path !== root)
  if (mount === undefined) return []
  throw new TlxcError('BUSY', `cannot copy "${root}": "${mount}" is mounted there`, { hint: `umount ${mount}` })
}

/** Throws TlxcError STORAGE when the template put something else in its place. */
export function requireFilled(host: Host, rootfs: string): void {
  if (host.fs.lstatSync(rootfs, { throwIfNoEntry: false })?.isDirectory()) return
  throw new TlxcError('STORAGE', `cannot use "${rootfs}": the template left no directory there`)
}

/** Makes or takes an empty directory and closes it: set-uid files of the container are set-uid on this machine, too. */
export function closeDirectory(host: Host, directory: string): void {
  host.fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
  if (host.fs.readdirSync(directory).length > 0) {
    throw new TlxcError('EXISTS', `cannot use "${directory}": it is not empty`, { hint: 'name another directory with --dir' })
  }
  host.fs.chmodSync(directory, 0o700)
}

/** A configuration written by hand may name anything; what holds the containers, or is the whole machine, stays. */
export function refuseAncestor(host: Host, place: StoragePlace, rootfs: string): void {
  const path = host.fs.realpathSync(rootfs)
  const directory = host.fs.realpathSync(place.directory)
  if (path !== '/' && !isBelow(directory, path) && path !== directory) return
  throw new TlxcError('STORAGE', `cannot remove "${rootfs}": it holds more than the container "${place.name}"`, {
    hint: 'set lxc.rootfs.managed = 0 to keep it',
  })
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(`${directory}/`)
}

/** The directory of --dir, once it is empty; one that holds something else, or is no longer closed, is not ours. */
function removeClosed(host: Host, directory: string): void {
  if ((host.fs.statSync(directory).mode & 0o77) !== 0) return
  try {
    host.fs.rmdirSync(directory)
  } catch (error) {
    // EBUSY: something is mounted on it, and stays.
    if (!['ENOTEMPTY', 'EBUSY'].includes(errnoOf(error) ?? '')) throw error
  }
}
