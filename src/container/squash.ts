/** Merges the layers of a stopped container: above its base, or all of them. Snapshots and clones keep those that they use. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { withEntries } from '../storage/entries.ts'
import { commitJournal } from '../storage/journal.ts'
import { runCompose, runStorage } from '../storage/native.ts'
import { readLayerMeta, writeLayerMeta } from '../storage/pool.ts'
import type { Stack } from '../storage/stack.ts'
import { hideView, type Layered } from '../storage/view.ts'
import { collectLayers, openLayers, showFiles } from './layers.ts'
import { withLock } from './lock.ts'
import { requireDefined } from './require.ts'
import { noLayers, stackCommit } from './snapshot.ts'
import { containerStatus } from './state.ts'
import type { Container } from './store.ts'
import type { StorageContext } from './storage-context.ts'

export interface Squashed {
  before: number
  after: number
}

/** Top first: what merging may touch, and the base, which other containers share: the bottom layer, or those of an image. */
export function splitBase(host: Host, { pool, stack: { lowers } }: Layered): { above: readonly string[]; base: readonly string[] } {
  let count = 1
  while (count < lowers.length && readLayerMeta(host, pool, lowers.at(-count - 1) ?? '')?.base === true) count++
  return { above: lowers.slice(0, -count), base: lowers.slice(-count) }
}

/** The base stays, and the upper as well. The caller holds the container's lock and knows that it is stopped. */
export async function squashLayers(host: Host, container: Container, layered: Layered): Promise<Squashed> {
  const { pool, stack } = layered
  const { above, base } = splitBase(host, layered)
  if (above.length < 2) return { before: stack.lowers.length, after: stack.lowers.length }
  const lowers = await withEntries(host, container.lxcpath, async (entries) => {
    const layer = entries.layer()
    await runCompose(host, { pool, layers: [...above], keep_whiteouts: true, out: layer, reflink: true })
    await runStorage(host, [{ op: 'sync', path: pool }])
    writeLayerMeta(host, pool, layer, { parent: base[0] ?? null, created: host.now(), by: `squash of ${container.name}` })
    const after: Stack = { ...stack, lowers: [layer, ...base] }
    // The mount must not outlive the layers that it reads.
    await hideView(host, layered)
    try {
      await commitJournal(host, { lxcpath: container.lxcpath, directory: container.dir }, { version: 1, purpose: 'squash', steps: [], commit: stackCommit(container, stack, after) })
    } finally {
      await showFiles(host, container)
    }
    return after.lowers
  })
  await collectLayers(host, container.lxcpath)
  return { before: stack.lowers.length, after: lowers.length }
}

/** tlxc-snapshot --squash. Throws TlxcError RUNNING, UNSUPPORTED for a container without layers. */
export async function squashContainer(ctx: StorageContext, container: Container): Promise<Squashed> {
  const { host } = ctx
  return withLock(host, container, 'squash', ctx.lockTimeoutMs, async () => {
    requireDefined(host, container)
    const layered = openLayers(host, container, ctx.log.warn)
    if (layered === null) throw noLayers(container)
    if ((await containerStatus(host, container, { locked: true, onKilled: ctx.log.warn })) !== null) {
      throw new TlxcError('RUNNING', `cannot merge the layers of "${container.name}": it is running`, { hint: `stop it first: tlxc-stop ${container.name}` })
    }
    return squashLayers(host, container, layered)
  })
}
