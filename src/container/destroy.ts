/** Destroys a container: refusals as lxc-destroy has them, its destroy hooks, storage, directory. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { ContainerConfig } from '../config/types.ts'
import { findStorage, unsupportedStorage } from '../storage/registry.ts'
import { readStack } from '../storage/stack.ts'
import { discard, keepInTrash, refuseMounts } from '../storage/trash.ts'
import { forgetApparmor } from './apparmor.ts'
import { runOwnHooks } from './own-hooks.ts'
import { collectOrWarn, hideFiles, openLayers, POOL_TIMEOUT_MS, showFiles } from './layers.ts'
import { withLock, withPoolLock } from './lock.ts'
import { madeOf } from './made.ts'
import { isPartial, sweepPartial } from './partial.ts'
import { clonesOf, dropClone, originsOf } from './relations.ts'
import { snapshotNames } from './snapshots.ts'
import { containerStatus } from './state.ts'
import { stopContainer } from './stop.ts'
import { loadContainerConfig } from './load-config.ts'
import { containerAt, isDefined, type Container } from './store.ts'
import { readSystemConfig } from './system-config.ts'
import { sweepTrash } from './trash.ts'

/** What destroy needs of a command's context. */
export interface DestroyContext {
  readonly host: Host
  readonly signal: AbortSignal
  readonly lockTimeoutMs: number
  readonly log: { warn(message: string): void }
}

export interface DestroyOptions {
  name: string
  lxcpath: string
  /** Stop it first. */
  force: boolean
  /** With its snapshots, and although there are clones. */
  snapshots: boolean
  /** For good: it cannot be brought back. */
  purge?: boolean
  /** Load this instead of NAME/config. */
  rcfile?: string
  /** Only this one (made.ts); nothing, when the name is another one's by now. */
  made?: string
}

export interface Destroyed {
  name: string
  lxcpath: string
  /** The root file system, when it was left alone (lxc.rootfs.managed = 0). */
  kept: string | null
  /** It is in the trash: tlxc-destroy --undo brings it back. */
  undoable: boolean
}

/** Throws TlxcError NAME, NOT_DEFINED, PRIVILEGE, RUNNING, BUSY, CONFIG, STORAGE; then nothing was deleted. */
export async function destroyContainer(ctx: DestroyContext, options: DestroyOptions): Promise<Destroyed> {
  const { host } = ctx
  const container = containerAt(host, options.lxcpath, options.name)
  refuseUndefined(host, container)
  if (host.uid !== 0) {
    throw new TlxcError('PRIVILEGE', `Insufficent privileges to control ${options.name}`, { hint: 'run it as root' })
  }
  return withLock(host, container, 'destroy', ctx.lockTimeoutMs, () => destroyLocked(ctx, container, options))
}

/** The caller holds the container's lock. */
export async function destroyLocked(ctx: DestroyContext, container: Container, options: DestroyOptions): Promise<Destroyed> {
  const { host } = ctx
  refuseUndefined(host, container)
  if (options.made !== undefined && options.made !== madeOf(host, container.dir)) return { name: container.name, lxcpath: container.lxcpath, kept: null, undoable: false }
  await sweepTrash(host, options.lxcpath)
  // We hold the lock, so nobody is making it: a killed create left this.
  if (await sweepPartial(host, container)) return { name: container.name, lxcpath: container.lxcpath, kept: null, undoable: false }
  // First: an interrupted rename leaves a configuration that names the files of another container.
  openLayers(host, container)
  refuseDependents(host, container, options)
  const { value: config } = loadContainerConfig(host, container, options.rcfile)
  await stopOrRefuse(ctx, container, options)
  const layered = openLayers(host, container)
  await runOwnHooks(host, container, config, { type: 'destroy', verb: 'destroy' })
  if (layered !== null) await hideFiles(host, layered)
  try {
    return await remove(ctx, container, config, options.purge ?? false)
  } catch (error) {
    if (layered !== null) await showFiles(host, container).catch(() => undefined)
    throw error
  }
}

async function remove(ctx: DestroyContext, container: Container, config: ContainerConfig, purge: boolean): Promise<Destroyed> {
  const { host } = ctx
  refuseMounts(host, container.dir)
  const { name, lxcpath, dir } = container
  const undoable = !purge && config.ephemeral !== true && readSystemConfig(host).trash.keep > 0 && isWhole(container, config)
  const origins = originsOf(host, container)
  if (undoable) {
    // What refers to layers moves; who collects looks at it before or after.
    await withPoolLock(host, lxcpath, 'destroy', POOL_TIMEOUT_MS, () => Promise.resolve(keepInTrash(host, lxcpath, dir, { name, at: host.now() })))
    await dropClone(host, container, origins)
    forgetApparmor(host, container)
    return { name, lxcpath, kept: null, undoable }
  }
  const layered = readStack(host, dir) !== null
  const kept = await removeStorage(host, container, config)
  // What stays of a layered container is what refers to its layers, and shows them.
  await removeDirectory(host, container, kept, layered ? ['rootfs', 'storage.json'] : [])
  if (layered && kept !== null) await showFiles(host, container)
  await dropClone(host, container, origins)
  if (layered) await collectOrWarn(ctx, container)
  forgetApparmor(host, container)
  return { name, lxcpath, kept, undoable }
}

/** Everything of it lies in its directory, or in the pool. */
function isWhole({ dir }: Container, { rootfs, rootfsManaged }: ContainerConfig): boolean {
  return rootfs === undefined || (rootfsManaged !== false && rootfs.path.startsWith(`${dir}/`))
}

function refuseUndefined(host: Host, container: Container): void {
  if (isDefined(host, container) || isPartial(host, container)) return
  throw new TlxcError('NOT_DEFINED', 'Container is not defined', { hint: `there is no "${container.configFile}"; tlxc-ls shows what there is` })
}

/** LXC's words. With -s the snapshots go as well, and clones keep the layers that they use. */
function refuseDependents(host: Host, container: Container, { snapshots }: DestroyOptions): void {
  const { name, dir } = container
  if (snapshots) return
  if (host.fs.existsSync(`${dir}/lxc_snapshots`)) {
    throw new TlxcError('BUSY', `Destroying ${name} failed: ${name} has clones`, {
      hint: `tlxc-destroy -s ${name} destroys it all the same; its clones (${clonesOf(host, container).map((clone) => clone.name).join(', ')}) keep their files`,
    })
  }
  if (snapshotNames(host, container).length > 0) {
    throw new TlxcError('BUSY', `Destroying ${name} failed: ${name} has snapshots`, { hint: `tlxc-destroy -s ${name} destroys them, too` })
  }
}

async function stopOrRefuse({ host, signal }: DestroyContext, container: Container, { force }: DestroyOptions): Promise<void> {
  if ((await containerStatus(host, container, { locked: true })) === null) return
  if (!force) {
    throw new TlxcError('RUNNING', `${container.name} is running`, { hint: `tlxc-destroy -f ${container.name} stops it first` })
  }
  // The lock is ours already.
  await stopContainer(host, container, { mode: 'kill', timeoutMs: null, noLock: true, lockTimeoutMs: 0, signal })
}

/** Resolves with the path of the root file system if it stays. */
async function removeStorage(host: Host, container: Container, config: ContainerConfig): Promise<string | null> {
  const { rootfs } = config
  if (!rootfs) return null
  if (config.rootfsManaged === false) return rootfs.path
  const driver = findStorage(rootfs.type)
  if (!driver) throw unsupportedStorage(rootfs.type)
  const { name, lxcpath, dir } = container
  // What lies within the container's directory goes with it, in one rename.
  if (!rootfs.path.startsWith(`${dir}/`)) await driver.destroy(host, { name, lxcpath, directory: dir }, rootfs.path)
  return null
}

async function removeDirectory(host: Host, container: Container, kept: string | null, keptToo: readonly string[]): Promise<void> {
  if (kept === null || !kept.startsWith(`${container.dir}/`)) return discard(host, container.lxcpath, container.dir)
  // Everything but what belongs to somebody else; the configuration first, so that it is undefined from then on.
  host.fs.rmSync(container.configFile)
  const first = kept.slice(container.dir.length + 1).split('/')[0]
  for (const entry of host.fs.readdirSync(container.dir)) {
    if (entry !== first && !keptToo.includes(entry)) await discard(host, container.lxcpath, `${container.dir}/${entry}`)
  }
}
