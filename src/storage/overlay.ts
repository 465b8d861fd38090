/** Storage "overlay": layers in a pool, shared between containers and snapshots, under one upper for each container. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { dirStorage, requireFilled } from './dir.ts'
import type { StorageDriver, StoragePlace } from './driver.ts'
import { withEntries } from './entries.ts'
import { runStorage } from './native.ts'
import { openPool, poolDir, poolEntries, writeLayerMeta } from './pool.ts'
import { encodeStack, readStack, stackFile, type Stack } from './stack.ts'
import { removeTree } from './trash.ts'
import { freeMountPoint, hideView, viewOf } from './view.ts'

export const overlayStorage: StorageDriver = {
  type: 'overlay',
  configType: 'dir',

  rootfs: (place) => viewOf(place.directory),

  async prepare(host, place) {
    if (place.elsewhere !== undefined) {
      throw new TlxcError('USAGE', 'cannot use --dir with storage overlay: its layers lie in one pool beside the containers', { hint: 'leave --dir out, or add -B dir' })
    }
    await requireOverlayfs(host, place.lxcpath)
    const rootfs = viewOf(place.directory)
    if (host.fs.lstatSync(rootfs, { throwIfNoEntry: false }) !== undefined) throw new TlxcError('EXISTS', `cannot make "${rootfs}": it exists`, { hint: 'move it away' })
    // Begun in the pool, which spreads what is in it over the disk: what the template unpacks stays where its directory was made.
    await withEntries(host, place.lxcpath, async (entries) => {
      const begun = `${entries.pool}/${entries.temporary()}`
      // Open for everybody inside; the closed directory above keeps everybody else out.
      host.fs.mkdirSync(begun, { mode: 0o755 })
      host.fs.renameSync(begun, rootfs)
    })
  },

  async commit(host, place) {
    requireFilled(host, viewOf(place.directory))
    await withEntries(host, place.lxcpath, async (entries) => {
      const layer = entries.layer()
      const upper = entries.upper()
      // The files are not synced, as LXC does not: a power cut before the kernel has written them out costs the new container. Its first snapshot syncs.
      host.fs.renameSync(viewOf(place.directory), `${entries.pool}/${layer}`)
      writeLayerMeta(host, entries.pool, layer, { parent: null, created: host.now(), by: `create of ${place.name}` })
      await putStack(host, place, entries.pool, { upper, lowers: [layer] })
    })
  },

  copy: (host, from, to) => dirStorage.copy(host, from, to),
  remove: (host, lxcpath, path) => dirStorage.remove(host, lxcpath, path),

  async destroy(host, place) {
    const stack = readStack(host, place.directory)
    if (stack !== null) await hideView(host, { pool: poolDir(place.lxcpath), directory: place.directory, stack })
    await freeMountPoint(host, place.directory)
    // Its layers go with the next collection, which needs the pool's lock.
    host.fs.rmSync(stackFile(place.directory), { force: true })
  },
}

export interface NewStack {
  upper: string
  lowers: readonly string[]
  based?: string | null
  memory?: boolean
}

/** Makes an upper on layers that exist, and the container of it. The caller has claimed the upper's name. */
export async function putStack(host: Host, place: StoragePlace, pool: string, { upper, lowers, based = null, memory = false }: NewStack): Promise<void> {
  await runStorage(host, [{ op: 'upper', pool, name: upper, lowers: [...lowers] }])
  const stack: Stack = { version: 1, type: 'overlay', upper, lowers, based, running: null, aside: null, ...(memory ? { memory } : {}) }
  host.writeFileAtomic(stackFile(place.directory), encodeStack(stack), 0o600)
}

/** Before a template works for minutes: can this filesystem hold layers and uppers? Tried once, in an empty pool. Throws TlxcError STORAGE. */
async function requireOverlayfs(host: Host, lxcpath: string): Promise<void> {
  const pool = openPool(host, lxcpath)
  if (poolEntries(host, pool).length > 0) return
  await withEntries(host, lxcpath, async (entries) => {
    const [layer, upper, point] = [entries.layer(), entries.upper(), entries.temporary()]
    for (const name of [layer, point]) host.fs.mkdirSync(`${pool}/${name}`, { mode: 0o755 })
    const path = `${pool}/${point}`
    try {
      await runStorage(host, [{ op: 'upper', pool, name: upper, lowers: [layer] }, { op: 'mount', pool, lowers: [layer], upper, path }, { op: 'unmount', path }])
    } finally {
      for (const name of [layer, upper, point]) await removeTree(host, `${pool}/${name}`)
    }
  })
}
