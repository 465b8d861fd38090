/** tlxc-copy -e: a clone that is started at once and vanishes when it stops. */
import { randomBytes } from 'node:crypto'
import { TlxcError } from '../errors.ts'
import { copyContainer, type Copied, type CopyOptions } from './copy.ts'
import { destroyContainer } from './destroy.ts'
import { startContainer, type StartContext } from './start.ts'
import { stopContainer, type StopOptions } from './stop.ts'
import { containerAt, type Container } from './store.ts'
import { sweepEphemeral } from './sweep-ephemeral.ts'

export interface EphemeralOptions {
  /** undefined: NAME_XXXXXX. */
  newName?: string
  newPath: string
  /** -D: it stays when it stops. */
  keepData: boolean
  /** -t: what it writes goes to a tmpfs. */
  memory: boolean
  /** -B */
  storage?: 'overlay' | 'dir' | 'btrfs'
  rcfile?: string
  keepName: boolean
  keepMac: boolean
  allowRunning: boolean
  hookArgs: readonly string[]
  /** lxc.mount.entry values; gets the copy's directory. */
  mounts: (directory: string) => readonly string[]
  foreground: boolean
}

export interface EphemeralContext extends StartContext {
  readonly signal: AbortSignal
}

export async function makeEphemeral(ctx: EphemeralContext, from: Container, options: EphemeralOptions): Promise<Copied> {
  const { newPath, keepName, keepMac, allowRunning, hookArgs, memory, storage, rcfile } = options
  await sweepEphemeral(ctx, newPath)
  const newName = options.newName ?? freeName(ctx, from, newPath)
  const copy: CopyOptions = {
    newName, newPath, share: true, orCopy: !memory, keepName, keepMac, allowRunning, hookArgs, ephemeral: !options.keepData, relate: true, memory,
    ...(storage === undefined ? {} : { storage }), ...(rcfile === undefined ? {} : { rcfile }),
    mounts: options.mounts(containerAt(ctx.host, newPath, newName).dir),
  }
  return copyContainer(ctx, from, copy)
}

/** Exit status as of tlxc-start. A clone that does not start is nobody's: it goes, unless it was to be kept. */
export async function startEphemeral(ctx: EphemeralContext, container: Container, { foreground, keepData }: Pick<EphemeralOptions, 'foreground' | 'keepData'>): Promise<number> {
  try {
    const result = await startContainer(ctx, container, { execute: false, foreground, defines: [], share: [] })
    return result.kind === 'ended' ? result.exitCode : 0
  } catch (error) {
    if (!keepData) await remove(ctx, container)
    throw error
  }
}

async function remove(ctx: EphemeralContext, { name, lxcpath }: Container): Promise<void> {
  try {
    await destroyContainer(ctx, { name, lxcpath, force: false, snapshots: false })
  } catch (error) {
    // Its monitor may have been quicker. Anything else is worth a word beside the error that brought us here.
    if (!(error instanceof TlxcError)) throw error
    if (error.code !== 'NOT_DEFINED') ctx.log.warn(`${name} could not be destroyed: ${error.message}`)
  }
}

/** Runs argv in it with a clean environment, as lxc-copy does, then shuts it down. Resolves with the program's status. */
export async function runInEphemeral(ctx: EphemeralContext, container: Container, argv: readonly string[]): Promise<number> {
  const { host, signal } = ctx
  const { attachEnvironment, attachRequest } = await import('./attach-request.ts')
  const options = { argv, remountSysProc: false, environment: { clear: true, keep: [], set: [] } }
  const request = attachRequest(options, { name: container.name, socket: `${container.runDir}/command` })
  const env = Object.entries(attachEnvironment(options.environment, [], {})).map(([name, value]) => `${name}=${value}`)
  const { exitCode } = await host.runNative(`${host.paths.libexec}/attach`, [JSON.stringify({ ...request, env })], { stdio: 'inherit', wait: true })
  const stop = (how: Pick<StopOptions, 'mode' | 'timeoutMs' | 'signal'>): Promise<unknown> =>
    stopContainer(host, container, { ...how, lockTimeoutMs: ctx.lockTimeoutMs }).catch((error: unknown) => {
      // The program was poweroff, or its like.
      if (!(error instanceof TlxcError) || error.code !== 'NOT_RUNNING') throw error
    })
  try {
    signal.throwIfAborted()
    await stop({ mode: 'shutdown', timeoutMs: 60_000, signal })
  } catch (error) {
    if (!signal.aborted) throw error
    // Whoever wanted it is gone; it must not stay for ever.
    await stop({ mode: 'kill', timeoutMs: null, signal: new AbortController().signal })
    throw signal.reason
  }
  return exitCode ?? 1
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

/** As mkdtemp(3) chooses. Whoever is quicker has it: the copy refuses a name that exists. */
function freeName({ host }: EphemeralContext, from: Container, lxcpath: string): string {
  for (;;) {
    const name = `${from.name}_${[...randomBytes(6)].map((byte) => LETTERS[byte % LETTERS.length]).join('')}`
    if (!host.fs.existsSync(containerAt(host, lxcpath, name).dir)) return name
  }
}
