/**
 * Deletion in two steps: one rename into LXCPATH/.trash, after which the name is free, then the slow part. What a killed command
 * left in the trash goes with the next one. Symbolic links are never followed and mounts never crossed.
 */
import { basename } from 'node:path'
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { randomHex } from '../random.ts'
import { mountsBelow } from './mounts.ts'
import { deleteSubvolumes, isBtrfs } from './subvolume.ts'

/** Removes the directory `path`, which is somewhere on the filesystem of lxcpath. Throws TlxcError BUSY when something is mounted in it. */
export async function discard(host: Host, lxcpath: string, path: string): Promise<void> {
  refuseMounts(host, path)
  const target = moveToTrash(host, lxcpath, path)
  await removeTree(host, target)
  if (target !== path) removeIfEmpty(host, trashDir(lxcpath))
}

/** What a destroyed container has in its directory as long as it can be brought back. */
export interface Destroyed {
  name: string
  /** Milliseconds since the epoch. */
  at: number
}

export interface Kept extends Destroyed {
  /** LXCPATH/.trash/… */
  directory: string
}

/** One rename; undone by bringBack(). Nothing is deleted. Throws TlxcError BUSY when something is mounted in it. */
export function keepInTrash(host: Host, lxcpath: string, path: string, destroyed: Destroyed): void {
  refuseMounts(host, path)
  try {
    host.writeFileAtomic(`${path}/${RECORD}`, JSON.stringify(destroyed), 0o600)
    if (moveToTrash(host, lxcpath, path) !== path) return
  } catch (error) {
    dropRecord(host, path)
    throw error
  }
  dropRecord(host, path)
  throw new TlxcError('SPACE', `cannot move "${path}" to the trash: no space left`, { hint: 'destroy it for good: --purge' })
}

/** The record in a directory that is, or was to be, in the trash. */
export function recordOf(directory: string): string {
  return `${directory}/${RECORD}`
}

function dropRecord(host: Host, directory: string): void {
  host.fs.rmSync(recordOf(directory), { force: true })
}

/** Destroyed containers that can be brought back, newest first. */
export function keptInTrash(host: Host, lxcpath: string): Kept[] {
  const trash = trashDir(lxcpath)
  const kept = entriesOf(host, trash).flatMap((entry) => {
    const record = readRecord(host, `${trash}/${entry}`)
    return record === null ? [] : [{ ...record, directory: `${trash}/${entry}` }]
  })
  return kept.sort((a, b) => b.at - a.at)
}

/** What is in the trash and cannot be brought back, as paths. */
export function goingInTrash(host: Host, lxcpath: string): string[] {
  const trash = trashDir(lxcpath)
  return entriesOf(host, trash).map((entry) => `${trash}/${entry}`).filter((path) => readRecord(host, path) === null)
}

/** Moves it back to LXCPATH/NAME; the caller holds that name's lock and saw that it is free. */
export function bringBack(host: Host, lxcpath: string, { name, directory }: Kept): void {
  host.fs.renameSync(directory, `${lxcpath}/${name}`)
  dropRecord(host, `${lxcpath}/${name}`)
  removeIfEmpty(host, trashDir(lxcpath))
}

/**
 * From here on these cannot be brought back: nobody may get half a container. The caller holds a lock that who brings one back holds as well, from
 * the look into the trash to the rename.
 */
export function condemn(host: Host, kept: readonly Kept[]): void {
  for (const { directory } of kept) dropRecord(host, directory)
}

/** Deletes what cannot be brought back. True: something went. */
export async function emptyTrash(host: Host, lxcpath: string): Promise<boolean> {
  const going = goingInTrash(host, lxcpath)
  for (const path of going) await removeTree(host, path)
  if (host.fs.existsSync(trashDir(lxcpath))) removeIfEmpty(host, trashDir(lxcpath))
  return going.length > 0
}

const RECORD = 'destroyed.json'

/** null: it is on its way out. */
function readRecord(host: Host, directory: string): Destroyed | null {
  try {
    const value = JSON.parse(host.fs.readFileSync(`${directory}/${RECORD}`, 'utf8')) as Partial<Destroyed> | null
    return typeof value?.name === 'string' && typeof value.at === 'number' ? { name: value.name, at: value.at } : null
  } catch (error) {
    if (errnoOf(error) !== undefined && !['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) throw error
    return null
  }
}

/**
 * rm -rf that stays on one filesystem. By rm(1) because it walks by directory descriptors: a container can make trees deeper than
 * any path may be long, and it cannot redirect a walk that holds on to directories.
 */
export async function removeTree(host: Host, path: string): Promise<void> {
  refuseMounts(host, path)
  const first = await remove(host, path)
  if (first === null) return
  // A subvolume of btrfs is another device, where rm stops.
  if (isBtrfs(host, path)) await deleteSubvolumes(host, path)
  if (!host.fs.existsSync(path)) return
  // Immutable and append-only files: clear the flags, once. chattr(1) follows no symbolic link.
  await host.exec('chattr', ['-R', '-f', '-i', '-a', '--', path])
  const second = await remove(host, path)
  if (second === null) return
  throw new TlxcError('IO', `cannot remove "${path}": ${second}`, { hint: 'remove it by hand' })
}

/** What is left of an upper whose files became a layer: the kernel's work directory, nearly always empty. A program just for that would take as long as the commit. */
export async function removeSpentUpper(host: Host, path: string): Promise<void> {
  try {
    for (const directory of ['/wk/work', '/wk', '']) host.fs.rmdirSync(`${path}${directory}`)
  } catch {
    await removeTree(host, path)
  }
}

/** Throws TlxcError BUSY when a mount lies at or below path. */
export function refuseMounts(host: Host, path: string): void {
  const mounts = mountsBelow(host, path)
  if (mounts.length === 0) return
  throw new TlxcError('BUSY', `cannot remove "${path}": ${mounts.map((mount) => `"${mount}"`).join(', ')} is mounted there`, {
    hint: `umount ${mounts[mounts.length - 1] ?? ''}`,
  })
}

/** The new path; the old one when a full disk has no room for a directory entry. */
function moveToTrash(host: Host, lxcpath: string, path: string): string {
  const trash = trashDir(lxcpath)
  const target = `${trash}/${basename(path)}.${randomHex(6)}`
  for (;;) {
    try {
      // 0700: below may lie files that are set-uid root on disk.
      host.fs.mkdirSync(trash, { recursive: true, mode: 0o700 })
      requireOwn(host, trash)
      host.fs.renameSync(path, target)
      return target
    } catch (error) {
      if (errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT') return path
      // Another command found the trash empty, and removed it, since we made it.
      if (errnoOf(error) !== 'ENOENT' || !host.fs.existsSync(path)) throw error
    }
  }
}

/** No trash, no entries. */
function entriesOf(host: Host, trash: string): string[] {
  try {
    requireOwn(host, trash)
    return host.fs.readdirSync(trash)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/** In a directory that others may write to (-P) it could be a link to anywhere; what is behind it is not trash. */
function requireOwn(host: Host, trash: string): void {
  const found = host.fs.lstatSync(trash)
  if (found.isDirectory() && found.uid === host.uid) return
  throw new TlxcError('STORAGE', `cannot use "${trash}": it is not a directory of this user`, { hint: 'remove it' })
}

function trashDir(lxcpath: string): string {
  return `${lxcpath}/.trash`
}

function removeIfEmpty(host: Host, directory: string): void {
  try {
    host.fs.rmdirSync(directory)
  } catch (error) {
    // Another command is using it.
    if (!['ENOTEMPTY', 'ENOENT', 'EEXIST'].includes(errnoOf(error) ?? '')) throw error
  }
}

async function remove(host: Host, path: string): Promise<string | null> {
  const { exitCode, stderr } = await host.exec('rm', ['-rf', '--one-file-system', '--', path])
  return exitCode === 0 ? null : stderr.trim().split('\n')[0] || `rm ended with ${exitCode ?? 'a signal'}`
}
