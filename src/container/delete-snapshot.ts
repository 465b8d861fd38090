/** Destroys snapshots: their directories go, and with them the layers that nobody else uses. */
import type { Host } from '../host/host.ts'
import { mountsBelow } from '../storage/mounts.ts'
import { runStorage } from '../storage/native.ts'
import { encodeStack, readStack, stackFile } from '../storage/stack.ts'
import { discard } from '../storage/trash.ts'
import { collectLayers, openLayers } from './layers.ts'
import { withLock } from './lock.ts'
import { requireDefined } from './require.ts'
import { findSnapshot, listSnapshots, type Snapshot } from './snapshots.ts'
import type { Container } from './store.ts'
import type { StorageContext } from './storage-context.ts'

/** names: null for all. Resolves with the names that are gone. Throws TlxcError NOT_DEFINED before anything is destroyed, BUSY for one that somebody browses. */
export async function deleteSnapshots(ctx: StorageContext, container: Container, names: readonly string[] | null): Promise<string[]> {
  const { host } = ctx
  return withLock(host, container, 'destroy of snapshots', ctx.lockTimeoutMs, async () => {
    requireDefined(host, container)
    const layered = openLayers(host, container, ctx.log.warn)
    const doomed = names === null ? listSnapshots(host, container) : names.map((name) => findSnapshot(host, container, name))
    for (const snapshot of doomed) await deleteOne(host, container, snapshot)
    if (layered !== null && doomed.length > 0) await collectLayers(host, container.lxcpath)
    return doomed.map(({ name }) => name)
  })
}

async function deleteOne(host: Host, container: Container, snapshot: Snapshot): Promise<void> {
  for (const path of mountsBelow(host, snapshot.directory)) await runStorage(host, [{ op: 'unmount', path }])
  // First, so that a tree of snapshots never hangs on one that is gone.
  adopt(host, container, snapshot)
  await discard(host, container.lxcpath, snapshot.directory)
}

/** What came from it comes from what it came from. */
function adopt(host: Host, container: Container, { name, stack }: Snapshot): void {
  const parent = stack?.parent ?? null
  for (const child of listSnapshots(host, container)) {
    if (child.stack?.parent === name) host.writeFileAtomic(stackFile(child.directory), encodeStack({ ...child.stack, parent }), 0o600)
  }
  const own = readStack(host, container.dir)
  if (own?.based === name) host.writeFileAtomic(stackFile(container.dir), encodeStack({ ...own, based: parent }), 0o600)
}
