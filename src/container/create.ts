/** Makes a container: all of it or nothing. Sequence of lxc-create: directory, mark, storage, configuration, template, configuration. */
import { errnoOf, LockedError, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { chooseStorage } from '../storage/registry.ts'
import type { StorageDriver, StoragePlace } from '../storage/driver.ts'
import { discard } from '../storage/trash.ts'
import { findTemplate } from '../template/find.ts'
import { fillContainer } from './fill.ts'
import { completeConfig, writeInitialConfig } from './config-file.ts'
import { idMapPool, readBaseConfig } from './create-input.ts'
import { claimIdRange, type IdClaim, type IdPool } from './idrange.ts'
import { collectLayers, showFiles } from './layers.ts'
import { lockPath, lockPurpose, withLock } from './lock.ts'
import { clearPartial, markPartial, sweepPartial } from './partial.ts'
import { readSystemConfig } from './system-config.ts'
import { sweepTrash } from './trash.ts'
import { loadContainerConfig } from './load-config.ts'
import { containerAt, isDefined, type Container } from './store.ts'
import { UndoStack } from './undo.ts'

const PURPOSE = 'create'

/** What create needs of a command's context. */
export interface CreateContext {
  readonly host: Host
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  readonly lockTimeoutMs: number
  readonly stderr: { write(text: string): void }
}

export interface CreateOptions {
  name: string
  lxcpath: string
  /** Name or absolute path; "none": no root file system. */
  template: string
  templateArgs: readonly string[]
  /** -f; default: the system's default configuration. */
  configFile?: string
  /** -B as given; default: the system's. */
  storage?: string
  /** --dir, absolute. */
  directory?: string
  /** Root inside is root outside; default: the system's. */
  privileged?: boolean
  /** What becomes of the template's output. */
  output: 'inherit' | 'discard' | 'stderr'
}

export interface Created {
  name: string
  lxcpath: string
  config: string
  /** null with template "none". */
  rootfs: string | null
  storage: string
  /** The program that was run. */
  template: string | null
  privileged: boolean
  idmap: IdClaim | null
}

/** Everything that was decided before the first mkdir. */
interface Decision {
  options: CreateOptions
  container: Container
  template: string | null
  driver: StorageDriver
  place: StoragePlace
  base: string
  pool: IdPool | null
}

/** Throws TlxcError NAME, PRIVILEGE, EXISTS, BUSY, CONFIG, TEMPLATE, IDMAP, UNSUPPORTED, STORAGE, SPACE, INTERRUPTED; then nothing is left. */
export async function createContainer(ctx: CreateContext, options: CreateOptions): Promise<Created> {
  const { host } = ctx
  const decision = decide(host, options, ctx.env)
  const { container } = decision
  host.fs.mkdirSync(options.lxcpath, { recursive: true, mode: 0o755 })
  const locked = (timeoutMs: number): Promise<Created> =>
    withLock(host, container, PURPOSE, timeoutMs, async () => {
      await sweepPartial(host, container)
      refuseExisting(host, container)
      await sweepTrash(host, options.lxcpath)
      return build(ctx, decision)
    })
  const isLocked = (error: unknown): error is LockedError => error instanceof LockedError && error.path === lockPath(host, container)
  const byCreate = ({ holder }: LockedError): boolean => holder?.purpose === lockPurpose(PURPOSE, container)
  // A destroy, say, is waited for; after another create of this name there would be nothing left to make.
  const waiting = locked(0).catch((error: unknown) => {
    if (isLocked(error) && !byCreate(error)) return locked(ctx.lockTimeoutMs)
    throw error
  })
  return waiting.catch((error: unknown) => {
    throw isLocked(error) ? beaten(container, error, byCreate(error)) : error
  })
}

function decide(host: Host, options: CreateOptions, env: CreateContext['env']): Decision {
  const container = containerAt(host, options.lxcpath, options.name)
  if (isDefined(host, container)) throw exists(container)
  if (host.uid !== 0) {
    throw new TlxcError('PRIVILEGE', `cannot create "${options.name}": only root can create containers`, { hint: 'run it as root' })
  }
  const template = options.template === 'none' ? null : findTemplate(host, options.template, env)
  const defaults = readSystemConfig(host).create
  // --dir says where a plain directory goes.
  const driver = chooseStorage(options.storage ?? (options.directory === undefined ? defaults.storage : 'dir'), (one) => one.usable?.(host, options.lxcpath) ?? true)
  const { directory } = options
  const place = { name: options.name, lxcpath: options.lxcpath, directory: container.dir, ...(directory === undefined ? {} : { elsewhere: directory }) }
  const base = readBaseConfig(host, options.configFile)
  return { options, container, template, driver, place, base, pool: idMapPool(host, base, options.privileged ?? defaults.privileged) }
}

async function build(ctx: CreateContext, decision: Decision): Promise<Created> {
  const { host } = ctx
  const { options, container, template, driver, place } = decision
  const undo = new UndoStack()
  try {
    makeDirectory(host, container, undo)
    const rootfs = template === null ? null : driver.rootfs(place)
    if (rootfs !== null) await prepareStorage(host, decision, rootfs, undo)
    const claim = await writeConfig(host, decision, rootfs)
    if (template !== null && rootfs !== null) {
      undo.defer(() => driver.destroy(host, place, rootfs))
      await fillContainer(host, container, driver, place, {
        file: template,
        directory: container.dir,
        name: container.name,
        rootfs,
        args: options.templateArgs,
        output: options.output,
        env: ctx.env,
        onError: (text) => (options.output === 'discard' ? undefined : ctx.stderr.write(text)),
        signal: ctx.signal,
      })
    }
    await completeConfig(host, container, template === null ? null : { file: template, args: options.templateArgs })
    // What the template wrote must be loadable, or the container could never start.
    const { value } = loadContainerConfig(host, container)
    ctx.signal.throwIfAborted()
    await showFiles(host, container)
    clearPartial(host, container)
    undo.release()
    const { name, configFile: config, lxcpath } = container
    return { name, lxcpath, config, rootfs, storage: driver.type, template, privileged: value.idmap.length === 0, idmap: claim }
  } catch (error) {
    throw await takeBack(ctx, decision, undo, error)
  }
}

function makeDirectory(host: Host, container: Container, undo: UndoStack): void {
  try {
    // 0700 from the first moment: files of the container may be set-uid root on this machine's disk.
    host.fs.mkdirSync(container.dir, { mode: 0o700 })
  } catch (error) {
    throw errnoOf(error) === 'EEXIST' ? exists(container) : error
  }
  undo.defer(() => discard(host, container.lxcpath, container.dir))
  markPartial(host, container)
}

async function prepareStorage(host: Host, { driver, place }: Decision, rootfs: string, undo: UndoStack): Promise<void> {
  // A root file system within the container's directory goes with it.
  if (place.elsewhere !== undefined && !host.fs.existsSync(rootfs)) undo.defer(() => driver.destroy(host, place, rootfs))
  await driver.prepare(host, place)
}

async function writeConfig(host: Host, { base, container, driver, options, pool }: Decision, rootfs: string | null): Promise<IdClaim | null> {
  const write = (claim: IdClaim | null): void =>
    writeInitialConfig(host, container, { base, rootfs: rootfs === null ? null : `${driver.configType ?? driver.type}:${rootfs}`, claim })
  if (pool) return claimIdRange(host, options.lxcpath, pool, write)
  write(null)
  return null
}

/** Undoes, and resolves with the error to throw. */
async function takeBack(ctx: CreateContext, { container, driver }: Decision, undo: UndoStack, error: unknown): Promise<unknown> {
  const problems = await undo.unwind()
  // What cannot be collected now is with the next collection.
  if (driver.type === 'overlay') await collectLayers(ctx.host, container.lxcpath).catch(() => undefined)
  const cause = ctx.signal.aborted ? ctx.signal.reason : full(container, error)
  if (problems.length === 0) return cause
  const reason = problems.map((problem) => problem.message).join('; ')
  return new TlxcError('IO', `cannot clean up after the failed create of "${container.name}": ${reason}`, {
    cause: new AggregateError([cause, ...problems]),
    hint: `tlxc-destroy ${container.name} tries again. The create failed because: ${cause instanceof Error ? cause.message : String(cause)}`,
  })
}

function full(container: Container, error: unknown): unknown {
  if (errnoOf(error) !== 'ENOSPC' && errnoOf(error) !== 'EDQUOT') return error
  return new TlxcError('SPACE', `cannot create "${container.name}": no space left under "${container.lxcpath}"`, {
    cause: error,
    hint: `make room on the filesystem of "${container.lxcpath}"`,
  })
}

/** Another command was there first. */
function beaten(container: Container, cause: LockedError, byCreate: boolean): TlxcError {
  const reason = byCreate ? 'it is being created by another command' : 'another command is working on it'
  return new TlxcError('BUSY', `cannot create "${container.name}": ${reason}`, { cause, hint: 'choose another name, or wait until that is done' })
}

function refuseExisting(host: Host, container: Container): void {
  if (host.fs.existsSync(container.dir)) throw exists(container)
}

function exists(container: Container): TlxcError {
  return new TlxcError('EXISTS', `cannot create "${container.name}": Container already exists`, {
    hint: `it is "${container.dir}"; choose another name, or remove it: tlxc-destroy ${container.name}`,
  })
}
