/** tlxc-snapshot -r and --undo: in place. A running container is stopped for it and started again, when that was asked for. */
import { TlxcError } from '../errors.ts'
import type { Layered } from '../storage/view.ts'
import { openLayers } from './layers.ts'
import { withLock } from './lock.ts'
import { restorePlain, sweepPlain, undoPlain } from './plain.ts'
import { requireDefined } from './require.ts'
import { restoreLayers, undoRestore } from './restore.ts'
import { findSnapshot } from './snapshots.ts'
import { startContainer, type StartContext } from './start.ts'
import { containerStatus } from './state.ts'
import { stopContainer } from './stop.ts'
import type { Container } from './store.ts'

export interface RestoreContext extends StartContext {
  readonly signal: AbortSignal
}

/** As tlxc-stop: so long a clean stop may take before it is killed. */
const STOP_TIMEOUT_MS = 60_000

/** Throws TlxcError NOT_DEFINED, RUNNING (without force), BUSY, SPACE, STORAGE; then the container's files are as they were. */
export async function restoreSnapshot(ctx: RestoreContext, container: Container, name: string, force: boolean): Promise<void> {
  await whileStopped(ctx, container, force, async () => {
    const layered = await open(ctx, container)
    const snapshot = findSnapshot(ctx.host, container, name)
    await (layered === null ? restorePlain(ctx.host, container, snapshot) : restoreLayers(ctx.host, container, layered, snapshot))
  }, () => void findSnapshot(ctx.host, container, name))
}

/** Takes the last restore back; resolves with the name of the snapshot that it had restored. */
export async function undoLastRestore(ctx: RestoreContext, container: Container, force: boolean): Promise<string> {
  return whileStopped(ctx, container, force, async () => {
    const layered = await open(ctx, container)
    return layered === null ? undoPlain(ctx.host, container) : undoRestore(ctx.host, container, layered)
  })
}

async function whileStopped<T>(ctx: RestoreContext, container: Container, force: boolean, work: () => Promise<T>, check: () => void = () => undefined): Promise<T> {
  let wasRunning = false
  try {
    return await withLock(ctx.host, container, 'restore', ctx.lockTimeoutMs, async () => {
      requireDefined(ctx.host, container)
      // Nothing is stopped for what cannot be done.
      check()
      const running = (await containerStatus(ctx.host, container, { locked: true, onKilled: ctx.log.warn })) !== null
      if (running) await stop(ctx, container, force)
      wasRunning = running
      return await work()
    })
  } finally {
    // Whatever became of the restore: what ran before runs after it; unless somebody had no patience to wait for its end, which then is to come.
    if (wasRunning) await startContainer(ctx, container, { execute: false, foreground: false, defines: [], share: [] })
  }
}

async function open({ host, log }: RestoreContext, container: Container): Promise<Layered | null> {
  const layered = openLayers(host, container, log.warn)
  if (layered === null) await sweepPlain(host, container)
  return layered
}

async function stop({ host, signal, log }: RestoreContext, container: Container, force: boolean): Promise<void> {
  if (!force) {
    throw new TlxcError('RUNNING', `cannot restore "${container.name}": it is running`, { hint: 'stop it first; or --force, which stops it, restores it and starts it again' })
  }
  await stopContainer(host, container, { mode: 'shutdown', timeoutMs: STOP_TIMEOUT_MS, noLock: true, lockTimeoutMs: 0, signal, notice: log.warn })
}
