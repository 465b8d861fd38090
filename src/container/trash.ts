/** Destroyed containers: kept for a while, brought back on demand, gone in the end. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { forgetOldBases } from '../storage/base.ts'
import { bringBack, emptyTrash, keptInTrash } from '../storage/trash.ts'
import { collectLayers, POOL_TIMEOUT_MS, showFiles } from './layers.ts'
import { withLock, withPoolLock } from './lock.ts'
import { containerAt, type Container } from './store.ts'
import { readSystemConfig } from './system-config.ts'

/** Deletes what has been in the trash for longer than it is kept, and what killed commands left there. */
export async function sweepTrash(host: Host, lxcpath: string): Promise<void> {
  const { keep } = readSystemConfig(host).trash
  const removed = await emptyTrash(host, lxcpath, host.now() - keep)
  if (forgetOldBases(host, lxcpath) || removed) await collectLayers(host, lxcpath)
}

/** After something went from the templates' caches: what was made of it, and is not in use, goes as well. */
export async function collectOldBases(host: Host, lxcpath: string): Promise<void> {
  if (forgetOldBases(host, lxcpath)) await collectLayers(host, lxcpath)
}

/** Deletes everything in it now. Resolves with the names of the containers that could have been brought back. */
export async function purgeTrash(host: Host, lxcpath: string): Promise<string[]> {
  const names = keptInTrash(host, lxcpath).map(({ name }) => name)
  const removed = await emptyTrash(host, lxcpath, Infinity)
  if (forgetOldBases(host, lxcpath) || removed) await collectLayers(host, lxcpath)
  return names
}

/** Brings the container that was destroyed last under this name back, as it was. Throws TlxcError EXISTS, NOT_DEFINED that lists what there is. */
export async function undoDestroy(host: Host, lxcpath: string, name: string, lockTimeoutMs: number): Promise<Container> {
  const container = containerAt(host, lxcpath, name)
  return withLock(host, container, 'undo of destroy', lockTimeoutMs, async () => {
    const kept = keptInTrash(host, lxcpath)
    const newest = kept.find((one) => one.name === name)
    if (newest === undefined) {
      const names = [...new Set(kept.map((one) => one.name))]
      throw new TlxcError('NOT_DEFINED', `cannot bring "${name}" back: it is not in the trash`, {
        hint: names.length === 0 ? 'the trash is empty' : `in the trash are: ${names.join(', ')}`,
      })
    }
    if (host.fs.existsSync(container.dir)) {
      throw new TlxcError('EXISTS', `cannot bring "${name}" back: there is a container of that name`, { hint: `rename it first: tlxc-copy -n ${name} -N OTHER -R` })
    }
    // What refers to layers moves; who collects looks at it before or after.
    await withPoolLock(host, lxcpath, 'undo of destroy', POOL_TIMEOUT_MS, () => Promise.resolve(bringBack(host, lxcpath, newest)))
    await showFiles(host, container)
    return container
  })
}
