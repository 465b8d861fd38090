/** tlxc-copy: another container with the files and the configuration of one, or of one of its snapshots. */
import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { overlayStorage } from '../storage/overlay.ts'
import { findStorage } from '../storage/registry.ts'
import { discard } from '../storage/trash.ts'
import { viewOf } from '../storage/view.ts'
import { copiedConfig, hasOwnRange } from './copy-config.ts'
import { copyFiles, sourceOf, type Source, type Target } from './copy-files.ts'
import { makeOverlayDirectories } from './copy-overlays.ts'
import { idMapPool } from './create-input.ts'
import { claimIdRange, type IdClaim } from './idrange.ts'
import { giveIdentity } from './identity.ts'
import { collectLayers, openLayers, showFiles } from './layers.ts'
import { loadContainerConfig } from './load-config.ts'
import { withLock } from './lock.ts'
import { onlyLayersInMemory, requireMappedTmpfs } from './memory.ts'
import { runOwnHooks } from './own-hooks.ts'
import { clearPartial, markPartial, sweepPartial } from './partial.ts'
import { isShifted } from './plain.ts'
import { addClone } from './relations.ts'
import { requireDefined } from './require.ts'
import { findSnapshot, snapshotNames, type Snapshot } from './snapshots.ts'
import { containerStatus } from './state.ts'
import type { StorageContext } from './storage-context.ts'
import { containerAt, isDefined, nameProblem, readConfigText, type Container } from './store.ts'
import { UndoStack } from './undo.ts'

export interface CopyOptions {
  newName: string
  newPath: string
  /** Share the original's layers; else a copy that depends on nothing. */
  share: boolean
  /** With share: a plain directory, which has nothing to share, is copied. */
  orCopy?: boolean
  /** Of this snapshot of it, not of its present state. */
  fromSnapshot?: string
  /** -B; default: as the original. */
  storage?: 'overlay' | 'dir' | 'btrfs'
  /** Take this configuration instead of the original's (--rcfile). */
  rcfile?: string
  /** Although it is running. */
  allowRunning?: boolean
  keepName?: boolean
  keepMac?: boolean
  hookArgs?: readonly string[]
  ephemeral?: boolean
  /** What it writes while it runs goes to a tmpfs. Only with share, and only of layers. */
  memory?: boolean
  /** lxc.mount.entry values of the copy alone. */
  mounts?: readonly string[]
  /** Write lxc_rdepends and lxc_snapshots, as LXC does for what shares files with its original. */
  relate?: boolean
}

export interface Copied {
  container: Container
  shared: boolean
}

const CONFIG_MODE = 0o640

/** Throws TlxcError NAME, NOT_DEFINED, EXISTS, RUNNING, UNSUPPORTED, BUSY, SPACE, STORAGE, EXEC (a clone hook); then nothing of the copy stays. */
export async function copyContainer(ctx: StorageContext, original: Container, given: CopyOptions): Promise<Copied> {
  const { host } = ctx
  const { from, options } = bySnapshotPath(host, original, given)
  if (host.uid !== 0) throw new TlxcError('PRIVILEGE', `Insufficent privileges to control ${original.name}`, { hint: 'run it as root' })
  const to = containerAt(host, options.newPath, options.newName)
  if (to.dir === from.dir) throw exists(to)
  host.fs.mkdirSync(options.newPath, { recursive: true, mode: 0o755 })
  return withBoth(ctx, from, to, async () => {
    requireDefined(host, from)
    await sweepPartial(host, to)
    if (host.fs.existsSync(to.dir)) throw exists(to)
    const running = (await containerStatus(host, from, { locked: true, onKilled: ctx.log.warn })) !== null
    const layered = openLayers(host, from, ctx.log.warn)
    const snapshot = options.fromSnapshot === undefined ? null : findSnapshot(host, from, options.fromSnapshot)
    if (running && snapshot === null && options.allowRunning !== true) throw isRunning(from)
    const source = hasRootfs(host, from) ? sourceOf(host, from, layered, snapshot, running) : null
    requireSharing(ctx, from, source, options)
    const shifted = source?.kind === 'plain' && isShifted(host, from, snapshot)
    if (shifted && options.storage === 'overlay') throw keepsItsIds(from)
    if (running && source?.kind === 'plain' && snapshot === null && !copiesAtomically(host, source, options)) throw tornCopy(from)
    return build(ctx, from, to, source, snapshot, { ...options, share: options.share && (options.orCopy !== true || canShare(source)), ownRange: !shifted })
  })
}

/** LXC takes a snapshot by its path, -P …/NAME/snaps -n SNAP. One of layers is nothing without its container. */
function bySnapshotPath(host: Host, original: Container, options: CopyOptions): { from: Container; options: CopyOptions } {
  const [, lxcpath, name] = /^(.*)\/([^/]+)\/snaps$/.exec(original.lxcpath) ?? []
  if (lxcpath === undefined || name === undefined || nameProblem(name) !== null) return { from: original, options }
  const from = containerAt(host, lxcpath === '' ? '/' : lxcpath, name)
  if (!isDefined(host, from) || !snapshotNames(host, from).includes(original.name)) return { from: original, options }
  return { from, options: { ...options, fromSnapshot: original.name } }
}

/** ownRange: its files fit any range of ids. */
type BuildOptions = CopyOptions & { ownRange: boolean }

async function build({ host, signal }: StorageContext, from: Container, to: Container, source: Source | null, snapshot: Snapshot | null, options: BuildOptions): Promise<Copied> {
  const undo = new UndoStack()
  try {
    makeDirectory(host, to, undo)
    const type = options.storage ?? (source === null ? 'dir' : source.kind !== 'plain' ? 'overlay' : plainType(source.type))
    const target: Target = { container: to, type, share: options.share, memory: options.memory === true, ...(signal === undefined ? {} : { signal }) }
    if (type === 'overlay') undo.defer(() => overlayStorage.destroy(host, { name: to.name, lxcpath: to.lxcpath, directory: to.dir }, viewOf(to.dir)))
    // Its configuration first: the id range is taken from then on.
    await writeConfig(host, from, to, source === null ? null : `${type === 'overlay' ? 'dir' : type}:${viewOf(to.dir)}`, snapshot, options)
    if (source !== null) await copyFiles(host, from, source, target)
    await showFiles(host, to)
    copyOwnFiles(host, from, to)
    if (source !== null) giveIdentity(host, viewOf(to.dir), options.keepName === true ? null : to.name)
    const { value } = loadContainerConfig(host, to)
    makeOverlayDirectories(host, to)
    await runOwnHooks(host, to, value, { type: 'clone', verb: 'copy', source: from.name, args: options.hookArgs ?? [] })
    if (options.relate === true && options.share) await addClone(host, from, to)
    clearPartial(host, to)
    undo.release()
    return { container: to, shared: options.share }
  } catch (error) {
    const problems = await undo.unwind()
    await collectLayers(host, to.lxcpath).catch(() => undefined)
    if (problems.length === 0) throw error
    throw new TlxcError('IO', `cannot clean up after the failed copy to "${to.name}": ${problems.map(({ message }) => message).join('; ')}`, {
      cause: new AggregateError([error, ...problems]),
      hint: `tlxc-destroy ${to.name} tries again. The copy failed because: ${error instanceof Error ? error.message : String(error)}`,
    })
  }
}

function makeDirectory(host: Host, to: Container, undo: UndoStack): void {
  try {
    host.fs.mkdirSync(to.dir, { mode: 0o700 })
  } catch (error) {
    throw errnoOf(error) === 'EEXIST' ? exists(to) : error
  }
  undo.defer(() => discard(host, to.lxcpath, to.dir))
  markPartial(host, to)
}

async function writeConfig(host: Host, from: Container, to: Container, rootfs: string | null, snapshot: Snapshot | null, options: BuildOptions): Promise<void> {
  const text = readConfigText(host, from, options.rcfile ?? (snapshot === null ? from.configFile : `${snapshot.directory}/config`))
  const write = (claim: IdClaim | null): void =>
    host.writeFileAtomic(
      to.configFile,
      copiedConfig(text, {
        from, to, rootfs, claim, keepName: options.keepName === true, keepMac: options.keepMac === true, randomByte: () => randomBytes(1)[0] ?? 0,
        ephemeral: options.ephemeral === true, mounts: options.mounts ?? [],
      }),
      CONFIG_MODE,
    )
  // No container can reach the files of another one: the copy gets ids of its own. Unless its files have those of the original on the disk.
  const pool = options.ownRange && hasOwnRange(text) ? idMapPool(host, '', false) : null
  if (pool === null) write(null)
  else await claimIdRange(host, to.lxcpath, pool, write)
}

/** Hooks, fstab and the like that lie in the original's directory, and that the configuration now names in the copy's. */
function copyOwnFiles(host: Host, from: Container, to: Container): void {
  for (const [path] of host.fs.readFileSync(to.configFile, 'utf8').matchAll(/\/[^\s"']+/g)) {
    if (!path.startsWith(`${to.dir}/`)) continue
    const inside = path.slice(to.dir.length + 1)
    const source = `${from.dir}/${inside}`
    if (inside.startsWith('rootfs') || inside.split('/').includes('..') || host.fs.existsSync(path)) continue
    if (host.fs.lstatSync(source, { throwIfNoEntry: false })?.isFile() !== true) continue
    host.fs.mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    host.fs.copyFileSync(source, path, host.fs.constants.COPYFILE_EXCL)
  }
}

/** Both containers' locks, always in the same order: two copies that cross would wait for each other. */
async function withBoth<T>(ctx: StorageContext, from: Container, to: Container, fn: () => Promise<T>): Promise<T> {
  const [first, second] = from.dir < to.dir ? [from, to] : [to, from]
  const purpose = `copy of ${from.name} to ${to.name}`
  return withLock(ctx.host, first, purpose, ctx.lockTimeoutMs, () => withLock(ctx.host, second, purpose, ctx.lockTimeoutMs, fn))
}

function hasRootfs(host: Host, container: Container): boolean {
  return loadContainerConfig(host, container).value.rootfs !== undefined
}

/** What shares files has the storage of its original. Throws TlxcError UNSUPPORTED, and for a copy in memory USAGE and KERNEL. */
function requireSharing({ host }: StorageContext, from: Container, source: Source | null, { share, storage, memory }: CopyOptions): void {
  const kind = source === null ? null : source.kind === 'plain' ? source.type : 'overlay'
  if (memory === true && (kind !== 'overlay' || (storage ?? kind) !== 'overlay')) throw onlyLayersInMemory()
  if (memory === true) requireMappedTmpfs(host, from, loadContainerConfig(host, from).value.idmap.length > 0)
  if (!share || kind === null || storage === undefined || storage === kind) return
  throw new TlxcError('UNSUPPORTED', `cannot share the files of "${from.name}" with storage ${storage}: its own is ${kind}`, { hint: 'leave -B out, or make a copy that shares nothing: without -s and -e' })
}

function copiesAtomically(host: Host, { path, type }: { path: string; type: string }, { storage, newPath }: CopyOptions): boolean {
  const target = storage ?? plainType(type)
  return target === type && findStorage(target)?.copiesAtomically?.(host, path, newPath) === true
}

function canShare(source: Source | null): boolean {
  return source?.kind !== 'plain' || source.type === 'btrfs'
}

function plainType(type: string): 'dir' | 'btrfs' {
  return type === 'btrfs' ? 'btrfs' : 'dir'
}

/** LXC's words. */
function isRunning({ name }: Container): TlxcError {
  return new TlxcError('RUNNING', `error: Original container (${name}) is running. Use --allowrunning if you want to force a snapshot of the running container.`, {
    hint: 'with -a it is frozen for the last changes only, and the copy is consistent',
  })
}

function tornCopy({ name }: Container): TlxcError {
  return new TlxcError('RUNNING', `cannot copy "${name}": it is running, and its files would be copied while they change`, { hint: `stop it first: tlxc-stop ${name}` })
}

function keepsItsIds({ name }: Container): TlxcError {
  return new TlxcError('UNSUPPORTED', `cannot copy "${name}" to layers: its files belong to the ids of its range, and those of layers to ids from 0 on`, {
    hint: 'leave -B out; or give its files ids from 0 on, and set lxc.rootfs.options = idmap=container',
  })
}

function exists({ name, dir }: Container): TlxcError {
  return new TlxcError('EXISTS', `cannot make "${name}": Container already exists`, { hint: `it is "${dir}"; choose another name` })
}
