/** tlxc-snapshot NAME: of whatever storage the container has, stopped or running. */
import { isDeep } from './depth.ts'
import { collectAfterKill, openLayers, orWarn } from './layers.ts'
import { withLock } from './lock.ts'
import { snapshotPlain, sweepPlain } from './plain.ts'
import { snapshotRunning, snapshotStopped, type SnapshotOptions, type Taken } from './snapshot.ts'
import { freeSnapshotName, requireFreeName } from './snapshots.ts'
import { splitBase, squashLayers } from './squash.ts'
import { containerStatus } from './state.ts'
import { requireDefined } from './require.ts'
import type { Container } from './store.ts'
import type { StorageContext } from './storage-context.ts'

export type TakeOptions = Omit<SnapshotOptions, 'name'> & {
  /** null: snapN with the lowest free N. */
  name: string | null
}

/** Throws TlxcError NAME, EXISTS, NOT_DEFINED, BUSY, RUNNING, SPACE, STORAGE; then there is no snapshot, and the container is as it was. */
export async function takeSnapshot(ctx: StorageContext, container: Container, options: TakeOptions): Promise<Taken> {
  const { host } = ctx
  return withLock(host, container, 'snapshot', ctx.lockTimeoutMs, async () => {
    requireDefined(host, container)
    const layered = openLayers(host, container, ctx.log.warn)
    if (layered === null) await sweepPlain(host, container)
    if (options.name !== null) requireFreeName(host, container, options.name)
    const wanted = { ...options, name: options.name ?? freeSnapshotName(host, container) }
    const status = await containerStatus(host, container, { locked: true, onKilled: ctx.log.warn })
    if (layered === null) return snapshotPlain(host, container, wanted, status !== null)
    const taken = await (status === null ? snapshotStopped(host, container, layered, wanted) : snapshotRunning(host, container, layered, wanted))
    if (status === null) await squashWhenDeep(ctx, container)
    await orWarn(ctx, `${container.name}: what killed commands left could not be removed`, collectAfterKill(host, container.lxcpath, layered.pool))
    return taken
  })
}

async function squashWhenDeep(ctx: StorageContext, container: Container): Promise<void> {
  const layered = openLayers(ctx.host, container)
  if (layered === null) return
  const { above, base } = splitBase(ctx.host, layered)
  if (!isDeep(base.length, above.length)) return
  await orWarn(ctx, `${container.name}: its ${layered.stack.lowers.length} layers could not be merged`, squashLayers(ctx.host, container, layered))
}
