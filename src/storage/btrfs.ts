/**
 * Storage "btrfs": the root file system is a subvolume, and a copy of it a snapshot, atomic by itself, also while the container runs.
 * Subvolumes in it (systemd makes some) get a snapshot each, one after the other, at their places. Nothing is frozen for that: those of systemd
 * are empty, others may be hundreds, and each takes a commit of the filesystem (13-24 ms when it is quiet, up to 480 ms when it is not [6.18]),
 * longer than any freeze may last. Who needs all of one moment freezes the container around it; the man page says how.
 */
import { dirname } from 'node:path'
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { closeDirectory, copyTree, refuseAncestor, requireFilled } from './dir.ts'
import type { StorageDriver } from './driver.ts'
import { runStorage } from './native.ts'
import { isBtrfs, isSubvolume } from './subvolume.ts'
import { removeTree } from './trash.ts'

export const btrfsStorage: StorageDriver = {
  type: 'btrfs',
  copiesAtomically: isOneStep,

  usable: (host, lxcpath) => isBtrfs(host, lxcpath),

  rootfs: (place) => `${place.elsewhere ?? place.directory}/rootfs`,

  async prepare(host, place) {
    if (place.elsewhere !== undefined) closeDirectory(host, place.elsewhere)
    await makeSubvolume(host, this.rootfs(place))
  },

  async commit(host, place) {
    requireFilled(host, this.rootfs(place))
  },

  async copy(host, from, to) {
    if (isOneStep(host, from, dirname(to))) {
      return orRemove(host, to, async () => void (await runStorage(host, [{ op: 'subvolume', path: host.fs.realpathSync(from), to }])))
    }
    await makeSubvolume(host, to)
    await orRemove(host, to, () => copyTree(host, `${from}/.`, to))
  },

  async remove(host, _lxcpath, path) {
    if (host.fs.lstatSync(path, { throwIfNoEntry: false })) await removeTree(host, path)
  },

  async destroy(host, place, rootfs) {
    if (host.fs.lstatSync(rootfs, { throwIfNoEntry: false })?.isDirectory()) refuseAncestor(host, place, rootfs)
    await this.remove(host, place.lxcpath, rootfs)
  },
}

/** A snapshot of the subvolume; anything else is a copy, file by file. */
function isOneStep(host: Host, from: string, directory: string): boolean {
  return isSubvolume(host, from) && sameFilesystem(host, from, directory)
}

async function orRemove(host: Host, to: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    await btrfsStorage.remove(host, dirname(to), to)
    throw error
  }
}

async function makeSubvolume(host: Host, path: string): Promise<void> {
  if (!isBtrfs(host, dirname(path))) {
    throw new TlxcError('STORAGE', `cannot make a subvolume at "${path}": its filesystem is no btrfs`, { hint: 'use -B overlay there, or name a directory on btrfs with -P' })
  }
  await btrfs(host, `make a subvolume at "${path}"`, 'subvolume', 'create', path)
  // Open for everybody inside; the closed directory above keeps everybody else out.
  host.fs.chmodSync(path, 0o755)
}

async function btrfs(host: Host, what: string, ...args: string[]): Promise<void> {
  const { exitCode, stderr } = await host.exec('btrfs', args).catch((error: unknown) => {
    throw new TlxcError('STORAGE', `cannot ${what}: there is no btrfs(8)`, { cause: error, hint: 'install the package btrfs-progs' })
  })
  if (exitCode === 0) return
  const reason = stderr.trim().split('\n').at(-1) || 'it failed'
  const full = /No space left/.test(stderr)
  throw new TlxcError(full ? 'SPACE' : 'STORAGE', `cannot ${what}: ${reason}`, { hint: full ? 'make room on that filesystem' : 'see btrfs-subvolume(8)' })
}

/** Each subvolume has a device number of its own; the filesystem below them has one id. */
function sameFilesystem(host: Host, a: string, b: string): boolean {
  if (!isBtrfs(host, b)) return false
  const [one, other] = [a, b].map((path) => mountedFilesystem(host, path))
  return one === other
}

/** Source of the mount that a path is on, from mountinfo: the longest mount point that it lies below. */
function mountedFilesystem(host: Host, path: string): string {
  const real = host.fs.realpathSync(path)
  let best = { point: '', source: '' }
  for (const line of host.fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [fields = '', tail = ''] = line.split(' - ')
    const point = fields.split(' ')[4] ?? ''
    const above = point === '/' || real === point || real.startsWith(`${point}/`)
    if (above && point.length >= best.point.length) best = { point, source: tail.split(' ')[1] ?? '' }
  }
  return best.source
}
