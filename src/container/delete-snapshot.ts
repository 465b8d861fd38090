/** Destroys snapshots: their directories go, and with them the layers that nobody else uses. */
import { errnoOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { mountsBelow } from '../storage/mounts.ts'
import { runStorage } from '../storage/native.ts'
import { encodeStack, readStack, stackFile } from '../storage/stack.ts'
import { discard } from '../storage/trash.ts'
import { collectOrWarn, openLayers } from './layers.ts'
import { withLock } from './lock.ts'
import { sweepPlain } from './plain.ts'
import { requireDefined } from './require.ts'
import { findSnapshot, listSnapshots, type Snapshot } from './snapshots.ts'
import type { Container } from './store.ts'
import type { StorageContext } from './storage-context.ts'

/** names: null for all. Resolves with the names that are gone. Throws TlxcError NOT_DEFINED before anything is destroyed, BUSY for one that somebody browses. */
export async function deleteSnapshots(ctx: StorageContext, container: Container, names: readonly string[] | null): Promise<string[]> {
  return deleteChosen(ctx, container, (snapshots) => names ?? snapshots.map(({ name }) => name))
}

/** The choice is made under the container's lock. */
export async function deleteChosen(ctx: StorageContext, container: Container, choose: (snapshots: readonly Snapshot[]) => readonly string[]): Promise<string[]> {
  const { host } = ctx
  return withLock(host, container, 'destroy of snapshots', ctx.lockTimeoutMs, async () => {
    requireDefined(host, container)
    const layered = openLayers(host, container, ctx.log.warn)
    if (layered === null) await sweepPlain(host, container)
    const all = listSnapshots(host, container)
    const doomed = choose(all).map((name) => all.find((one) => one.name === name) ?? findSnapshot(host, container, name))
    for (const { directory } of doomed) for (const path of mountsBelow(host, directory)) await runStorage(host, [{ op: 'unmount', path }])
    // First, so that a tree of snapshots never hangs on one that is gone; on a full disk when there is room again.
    const adopted = adopt(host, container, all, doomed)
    for (const { directory } of doomed) await discard(host, container.lxcpath, directory)
    if (layered !== null && doomed.length > 0) await collectOrWarn(ctx, container)
    if (!adopted) adopt(host, container, all, doomed)
    return doomed.map(({ name }) => name)
  })
}

/** What came from them comes from what they came from. False: there was no room to write that down. */
function adopt(host: Host, container: Container, all: readonly Snapshot[], doomed: readonly Snapshot[]): boolean {
  const parents = new Map(doomed.map(({ name, stack }) => [name, stack?.parent ?? null]))
  const stays = (name: string | null): string | null => {
    let parent = name
    // As many steps as there are names: a file could say that two come from each other.
    for (let steps = parents.size; parent !== null && parents.has(parent) && steps > 0; steps--) parent = parents.get(parent) ?? null
    return parent
  }
  try {
    for (const { name, directory, stack } of all) {
      if (stack === null || parents.has(name) || stays(stack.parent) === stack.parent) continue
      host.writeFileAtomic(stackFile(directory), encodeStack({ ...stack, parent: stays(stack.parent) }), 0o600)
    }
    const own = readStack(host, container.dir)
    if (own !== null && stays(own.based) !== own.based) host.writeFileAtomic(stackFile(container.dir), encodeStack({ ...own, based: stays(own.based) }), 0o600)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT') return false
    throw error
  }
}
