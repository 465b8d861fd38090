/** What a restore put aside, so that tlxc-snapshot --undo can take it back: what it is, and how it goes. */
import { encodeStack, readStack, stackFile } from '../storage/stack.ts'
import type { Host } from '../host/host.ts'
import { collectOrWarn, openLayers } from './layers.ts'
import { withLock } from './lock.ts'
import { dropPlainAside, plainAside, sweepPlain } from './plain.ts'
import { requireDefined } from './require.ts'
import type { Container } from './store.ts'
import type { StorageContext } from './storage-context.ts'

export interface PutAside {
  /** What took its place: the name of a snapshot, "an import". */
  restored: string
  /** Milliseconds since the epoch. */
  at: number
}

/** null: there is nothing to take back. */
export function asideOf(host: Host, container: Container): PutAside | null {
  const stack = readStack(host, container.dir)
  return stack === null ? plainAside(host, container) : stack.aside
}

/** Frees what isOld() says, whether the container runs or not. The look is under its lock: another restore may have been quicker. */
export async function dropAside(ctx: StorageContext, container: Container, isOld: (aside: PutAside) => boolean): Promise<void> {
  const { host } = ctx
  await withLock(host, container, 'prune', ctx.lockTimeoutMs, async () => {
    requireDefined(host, container)
    const layered = openLayers(host, container, ctx.log.warn)
    if (layered === null) await sweepPlain(host, container)
    const aside = asideOf(host, container)
    if (aside === null || !isOld(aside)) return
    if (layered === null) return dropPlainAside(host, container)
    // The commit. Its upper and layers are nobody's from then on, and go with this collection or the next.
    host.writeFileAtomic(stackFile(container.dir), encodeStack({ ...layered.stack, aside: null }), 0o600)
    await collectOrWarn(ctx, container)
  })
}
