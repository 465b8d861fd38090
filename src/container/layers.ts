/** A container's layers under its lock: recovery of what was interrupted, the view, collection of what nobody needs any more. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { removeEntries, strayMetadata, unreferenced } from '../storage/collect.ts'
import { recoverJournal } from '../storage/journal.ts'
import { mountsBelow } from '../storage/mounts.ts'
import { runStorage } from '../storage/native.ts'
import { forgetEntry, poolAbove, readClaims, release } from '../storage/pool.ts'
import { recordOf } from '../storage/trash.ts'
import { readStack, type Stack } from '../storage/stack.ts'
import { freeMountPoint, hideView, showView, viewOf, type Layered } from '../storage/view.ts'
import { giveIdentity } from './identity.ts'
import { withPoolLock } from './lock.ts'
import { containerStatus } from './state.ts'
import type { Container } from './store.ts'
import type { StorageContext } from './storage-context.ts'

/** How long a change waits for the pool: its lock is held for moments only. */
export const POOL_TIMEOUT_MS = 60_000
/** How long a create waits for another one that makes the same layer. */
export const BASE_TIMEOUT_MS = 30 * 60_000

/**
 * Finishes or undoes what a killed command left, then reads what the container consists of; null: it is not layered.
 * The caller holds the container's lock. Throws TlxcError STORAGE.
 */
export function openLayers(host: Host, { lxcpath, dir }: Container, notice?: (message: string) => void): Layered | null {
  // A volatile container (tlxc-start -f FILE) has no directory.
  if (!host.fs.existsSync(dir)) return null
  const recovered = recoverJournal(host, { lxcpath, directory: dir })
  if (recovered) notice?.(`${recovered.purpose} was interrupted; it is now ${recovered.finished ? 'finished' : 'undone'}`)
  sweepLeft(host, dir)
  const stack = readStack(host, dir)
  return stack === null ? null : { pool: poolAbove(host, dir), directory: dir, stack }
}

/**
 * What killed commands left in a container's directory: files that were never renamed, snapshots that were being written, the record of a
 * destroy that did not happen. The caller holds the container's lock. True: there was something.
 */
export function sweepLeft(host: Host, dir: string, remove = true): boolean {
  const left = leftIn(host, dir)
  // What is in a root file system may resist: read-only subvolumes, immutable files. That is sweepPlain()'s.
  if (remove) for (const path of left.filter((one) => !host.fs.existsSync(`${one}/rootfs`))) host.fs.rmSync(path, { recursive: true, force: true })
  return left.length > 0
}

/** Plain snapshots that were being copied. */
export function unfinishedCopies(host: Host, dir: string): string[] {
  return leftIn(host, dir).filter((path) => host.fs.existsSync(`${path}/rootfs`))
}

/** As writeFileAtomic() names files before their rename. */
const UNFINISHED = /^\..+\.[0-9a-f]{12}$/

function leftIn(host: Host, dir: string): string[] {
  const snaps = host.fs.existsSync(`${dir}/snaps`) ? host.fs.readdirSync(`${dir}/snaps`) : []
  const hidden = snaps.filter((name) => name.startsWith('.')).map((name) => `${dir}/snaps/${name}`)
  const directories = [dir, ...snaps.filter((name) => !name.startsWith('.')).map((name) => `${dir}/snaps/${name}`)].filter((path) => host.fs.statSync(path).isDirectory())
  const unfinished = directories.flatMap((directory) => host.fs.readdirSync(directory).filter((name) => UNFINISHED.test(name)).map((name) => `${directory}/${name}`))
  return [...hidden, ...unfinished, ...(host.fs.existsSync(recordOf(dir)) ? [recordOf(dir)] : [])]
}

/** Shows the files of a stopped layered container again. The caller holds its lock. */
export async function showFiles(host: Host, container: Container, { doubt = false } = {}): Promise<void> {
  const stack = readStack(host, container.dir)
  if (stack === null || (await containerStatus(host, container, { locked: true })) !== null) return
  await showView(host, { pool: poolAbove(host, container.dir), directory: container.dir, stack }, { doubt })
  const file = newNameFile(container.dir)
  if (!host.fs.existsSync(file)) return
  giveIdentity(host, viewOf(container.dir), host.fs.readFileSync(file, 'utf8'), { machineId: false })
  host.fs.rmSync(file)
}

/** The host name that a renamed container does not have yet: its files can be written only when they are shown again. */
export function newNameFile(dir: string): string {
  return `${dir}/newname`
}

/** Takes every view of a stopped container away: before its directory moves or goes. Throws TlxcError BUSY with who uses it. */
export async function hideFiles(host: Host, layered: Layered): Promise<void> {
  for (const path of mountsBelow(host, `${layered.directory}/snaps`)) await runStorage(host, [{ op: 'unmount', path }])
  await hideView(host, layered)
  await freeMountPoint(host, layered.directory)
}

/** Removes layers that nobody refers to. After a commit; a failure here has lost nothing, the next collection tries again. */
export async function collectLayers(host: Host, lxcpath: string): Promise<void> {
  const names = await withPoolLock(host, lxcpath, 'collection of layers', POOL_TIMEOUT_MS, () => Promise.resolve(unreferenced(host, lxcpath)))
  await removeEntries(host, lxcpath, names)
}

/** The same for who is done: what it was asked for has happened, whatever is wrong with somebody else's files. */
export async function collectOrWarn({ host, log }: StorageContext, { name, lxcpath }: Container): Promise<void> {
  await orWarn({ log }, `${name}: layers that nobody needs any more could not be removed`, collectLayers(host, lxcpath))
}

/** For what comes after the commit: its failure costs speed or space, not data. */
export async function orWarn({ log }: Pick<StorageContext, 'log'>, what: string, work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof TlxcError)) throw error
    log.warn(`${what}: ${error.message}`)
  })
}

/**
 * What killed commands were making in this pool goes: a snapshot that nobody ever prunes must not pile up what its killed ones had copied.
 * Costs one directory listing when there is nothing.
 */
export async function collectAfterKill(host: Host, lxcpath: string, pool: string): Promise<void> {
  const { dead, live } = readClaims(host, pool)
  // Nothing is deleted while a running snapshot is taken in the pool; the claims stay, so that the next command tries again.
  if (dead.length === 0 || live) return
  await collectLayers(host, lxcpath)
  release(host, pool, ...dead)
  for (const name of strayMetadata(host, pool)) forgetEntry(host, pool, name)
}

/** Path of a container's file as journals have it: relative to lxcpath. */
export function inContainer({ name }: Pick<Container, 'name'>, file: string): string {
  return `${name}/${file}`
}

/** The stack with another upper on the same or more layers: what was known of the old upper is void. */
export function withNewUpper(stack: Stack, upper: string, lowers: readonly string[]): Stack {
  return { ...stack, upper, lowers, running: null }
}
