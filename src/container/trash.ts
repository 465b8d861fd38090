/** Destroyed containers: kept for a while, brought back on demand, gone in the end. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { forgetOldBases } from '../storage/base.ts'
import { bringBack, condemn, emptyTrash, keptInTrash, type Kept } from '../storage/trash.ts'
import { collectLayers, POOL_TIMEOUT_MS, showFiles } from './layers.ts'
import { withLock, withPoolLock } from './lock.ts'
import { dropClone, originsOf, renewClones, returnClone } from './relations.ts'
import { containerAt, type Container } from './store.ts'
import { readSystemConfig } from './system-config.ts'

/** Deletes what has been in the trash for longer than it is kept, and what killed commands left there. */
export async function sweepTrash(host: Host, lxcpath: string): Promise<void> {
  const { keep } = readSystemConfig(host).trash
  await emptyOlder(host, lxcpath, host.now() - keep)
}

/** After something went from the templates' caches: what was made of it, and is not in use, goes as well. */
export async function collectOldBases(host: Host, lxcpath: string): Promise<void> {
  if (forgetOldBases(host, lxcpath)) await collectLayers(host, lxcpath)
}

/** Deletes everything in it now. Resolves with the names of the containers that could have been brought back. */
export async function purgeTrash(host: Host, lxcpath: string): Promise<string[]> {
  return emptyOlder(host, lxcpath, Infinity)
}

/** Resolves with the names of containers that went. time: milliseconds since the epoch. */
async function emptyOlder(host: Host, lxcpath: string, time: number): Promise<string[]> {
  const older = (): Kept[] => keptInTrash(host, lxcpath).filter(({ at }) => at < time)
  const names: string[] = []
  if (older().length > 0) {
    // Once more, under the lock: some may have been brought back.
    await withPoolLock(host, lxcpath, 'emptying of the trash', POOL_TIMEOUT_MS, () => {
      const kept = older()
      condemn(host, kept)
      names.push(...kept.map(({ name }) => name))
      return Promise.resolve()
    })
  }
  const removed = await emptyTrash(host, lxcpath)
  if (forgetOldBases(host, lxcpath) || removed) await collectLayers(host, lxcpath)
  return names
}

/** Brings the container that was destroyed last under this name back, as it was. Throws TlxcError EXISTS, NOT_DEFINED that lists what there is. */
export async function undoDestroy(host: Host, lxcpath: string, name: string, lockTimeoutMs: number): Promise<Container> {
  const container = containerAt(host, lxcpath, name)
  return withLock(host, container, 'undo of destroy', lockTimeoutMs, async () => {
    // Looked up once more under the lock, when nobody can empty the trash.
    const origins = originsOf(host, { dir: findKept(host, lxcpath, name).directory })
    if (host.fs.existsSync(container.dir)) {
      throw new TlxcError('EXISTS', `cannot bring "${name}" back: there is a container of that name`, { hint: `rename it first: tlxc-copy -n ${name} -N OTHER -R` })
    }
    await returnClone(host, container, origins)
    try {
      // What refers to layers moves; who collects looks at it before or after.
      await withPoolLock(host, lxcpath, 'undo of destroy', POOL_TIMEOUT_MS, () => {
        const kept = findKept(host, lxcpath, name)
        renewClones(host, container, kept.directory)
        bringBack(host, lxcpath, kept)
        return Promise.resolve()
      })
    } catch (error) {
      if (!host.fs.existsSync(container.dir)) await dropClone(host, container, origins)
      throw error
    }
    await showFiles(host, container)
    return container
  })
}

function findKept(host: Host, lxcpath: string, name: string): Kept {
  const kept = keptInTrash(host, lxcpath)
  const newest = kept.find((one) => one.name === name)
  if (newest !== undefined) return newest
  const names = [...new Set(kept.map((one) => one.name))]
  throw new TlxcError('NOT_DEFINED', `cannot bring "${name}" back: it is not in the trash`, {
    hint: names.length === 0 ? 'the trash is empty' : `in the trash are: ${names.join(', ')}`,
  })
}
