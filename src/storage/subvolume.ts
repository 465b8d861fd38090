/** What is a btrfs, and a subvolume of one. */
import { dirname } from 'node:path'
import type { Host } from '../host/host.ts'

/** BTRFS_SUPER_MAGIC, statfs(2). */
const BTRFS_MAGIC = 0x9123683e
/** BTRFS_FIRST_FREE_OBJECTID: inode number of the root of every subvolume. */
const SUBVOLUME_INODE = 256

/** Of what is there, or of the directory that it would be in. */
export function isBtrfs(host: Host, path: string): boolean {
  let above = path
  while (!host.fs.existsSync(above)) above = dirname(above)
  return host.fs.statfsSync(above).type === BTRFS_MAGIC
}

export function isSubvolume(host: Host, path: string): boolean {
  return isBtrfs(host, path) && host.fs.statSync(path).ino === SUBVOLUME_INODE
}

/**
 * Deletes the subvolumes at and below path, which nobody uses; what else is there stays. Deepest first; find(1) follows no link, and -print0
 * takes any name. One that is read-only keeps those that are in it, so it is made writable.
 */
export async function deleteSubvolumes(host: Host, path: string): Promise<void> {
  const { stdout } = await host.exec('find', [path, '-depth', '-type', 'd', '-inum', String(SUBVOLUME_INODE), '-print0'])
  const found = stdout.split('\0').filter((name) => name !== '')
  const stayed = await deleteEach(host, found)
  if (stayed.length === 0) return
  for (const subvolume of [...found].reverse().filter((one) => host.fs.existsSync(one))) await host.exec('btrfs', ['property', 'set', '-ts', subvolume, 'ro', 'false'])
  await deleteEach(host, stayed)
}

/** Resolves with those that are still there. */
async function deleteEach(host: Host, subvolumes: readonly string[]): Promise<string[]> {
  const stayed: string[] = []
  for (const subvolume of subvolumes) {
    const { exitCode } = await host.exec('btrfs', ['subvolume', 'delete', '--', subvolume])
    if (exitCode !== 0) stayed.push(subvolume)
  }
  return stayed
}
