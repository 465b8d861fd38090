/** The files of a copy: layers shared with the original, or a copy that depends on nothing. */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { interruptibleExec } from '../host/interruptible-exec.ts'
import { withEntries } from '../storage/entries.ts'
import { runCompose, runStorage } from '../storage/native.ts'
import { poolDir, writeLayerMeta } from '../storage/pool.ts'
import { putStack } from '../storage/overlay.ts'
import { findStorage } from '../storage/registry.ts'
import { removeTree } from '../storage/trash.ts'
import { hideView, viewOf, type Layered } from '../storage/view.ts'
import { copyTree } from '../storage/dir.ts'
import { requireDepth } from './depth.ts'
import { POOL_TIMEOUT_MS, showFiles } from './layers.ts'
import { withPoolLock } from './lock.ts'
import { plainOf } from './plain.ts'
import { copyRunning, seal } from './snapshot.ts'
import type { Snapshot } from './snapshots.ts'
import type { Container } from './store.ts'

/** Where the files of the original are. */
export type Source =
  | { kind: 'layers'; layered: Layered; running: boolean }
  | { kind: 'snapshot'; pool: string; lowers: readonly string[] }
  | { kind: 'plain'; path: string; type: string }

export interface Target {
  container: Container
  type: 'overlay' | 'dir' | 'btrfs'
  /** Share layers. */
  share: boolean
  /** What it writes while it runs goes to memory. */
  memory: boolean
  signal?: AbortSignal
}

export function sourceOf(host: Host, container: Container, layered: Layered | null, snapshot: Snapshot | null, running: boolean): Source {
  if (snapshot?.stack && layered !== null) return { kind: 'snapshot', pool: layered.pool, lowers: snapshot.stack.lowers }
  if (snapshot === null && layered !== null) return { kind: 'layers', layered, running }
  const { driver, rootfs } = plainOf(host, container)
  return { kind: 'plain', path: snapshot === null ? rootfs : `${snapshot.directory}/rootfs`, type: driver.type }
}

/** Makes NAME/rootfs of the new container; its directory is there, marked as partial. The caller holds both locks. */
export async function copyFiles(host: Host, from: Container, source: Source, target: Target): Promise<void> {
  // A snapshot of a subvolume is what sharing means there.
  if (target.share && !(source.kind === 'plain' && source.type === 'btrfs' && target.type === 'btrfs')) return shareLayers(host, from, source, target)
  if (source.kind === 'plain') return copyPlain(host, source, target)
  return copyLayers(host, from, source, target)
}

async function shareLayers(host: Host, from: Container, source: Source, { container, memory }: Target): Promise<void> {
  if (source.kind === 'plain') {
    throw new TlxcError('UNSUPPORTED', `cannot share the files of "${from.name}": its storage is ${source.type}, which has no layers`, {
      hint: `leave -s out for a copy of its own; or copy it to layers once: tlxc-copy -n ${from.name} -N NEW -B overlay`,
    })
  }
  if (container.lxcpath !== from.lxcpath) {
    throw new TlxcError('UNSUPPORTED', `cannot share layers between "${from.lxcpath}" and "${container.lxcpath}": each has a pool of its own`, { hint: 'leave -s out for a copy of its own' })
  }
  const lowers = source.kind === 'snapshot' ? source.lowers : await layersOf(host, from, source)
  requireDepth(container, lowers.length + (memory ? 1 : 0))
  await withEntries(host, container.lxcpath, (entries) =>
    // A reference to layers that exist: who collects looks at them before or after.
    withPoolLock(host, container.lxcpath, `clone of ${from.name}`, POOL_TIMEOUT_MS, () =>
      putStack(host, placeOf(container), entries.pool, { upper: entries.upper(), lowers, memory })),
  )
}

/** Layers that hold everything of the container as it is now: its upper becomes one, unless there is nothing in it. */
async function layersOf(host: Host, from: Container, { layered, running }: { layered: Layered; running: boolean }): Promise<readonly string[]> {
  if (running) return copyRunning(host, from, layered)
  const { pool, stack } = layered
  await hideView(host, layered, { op: 'sync', path: pool })
  try {
    if (host.fs.readdirSync(`${pool}/${stack.upper}/up`).length === 0) return stack.lowers
    requireDepth(from, stack.lowers.length + 1)
    return await withEntries(host, from.lxcpath, async (entries) => {
      const after = await seal(host, from, layered, { entries, layer: entries.layer(), purpose: 'clone', steps: [], based: stack.based })
      return after.lowers
    })
  } finally {
    await showFiles(host, from)
  }
}

/** All layers merged into one that depends on nothing. */
async function copyLayers(host: Host, from: Container, source: Exclude<Source, { kind: 'plain' }>, target: Target): Promise<void> {
  const running = source.kind === 'layers' && source.running
  const pool = source.kind === 'snapshot' ? source.pool : source.layered.pool
  const layers = source.kind === 'snapshot' ? source.lowers : running ? await copyRunning(host, from, source.layered) : [`${source.layered.stack.upper}/up`, ...source.layered.stack.lowers]
  const hidden = source.kind === 'layers' && !running
  if (hidden) await hideView(host, source.layered)
  try {
    await withEntries(host, from.lxcpath, async (entries) => {
      const out = entries.temporary()
      await runCompose(interruptibleExec(host, target.signal), { pool, layers: [...layers], keep_whiteouts: false, out, reflink: true })
      await settle(host, `${pool}/${out}`, target, `copy of ${from.name}`)
    })
  } finally {
    if (hidden) await showFiles(host, from)
  }
}

async function copyPlain(host: Host, { path, type }: { path: string; type: string }, target: Target): Promise<void> {
  const { container } = target
  if (target.type !== 'overlay') {
    // Within one kind the driver knows a faster way.
    const driver = findStorage(type === target.type ? type : target.type)
    // That of btrfs also puts in order what failed.
    await driver?.copy(target.type === 'dir' ? interruptibleExec(host, target.signal) : host, path, viewOf(container.dir))
    return
  }
  await withEntries(host, container.lxcpath, async (entries) => {
    const out = entries.temporary()
    await copyTree(interruptibleExec(host, target.signal), path, `${entries.pool}/${out}`)
    await settle(host, `${entries.pool}/${out}`, target, `copy of ${path}`)
  })
}

/** A finished tree becomes the new container's root file system. */
async function settle(host: Host, tree: string, { container, type }: Target, by: string): Promise<void> {
  await runStorage(host, [{ op: 'sync', path: tree }])
  if (type === 'dir') return move(host, tree, viewOf(container.dir))
  if (type === 'btrfs') {
    await findStorage('btrfs')?.copy(host, tree, viewOf(container.dir))
    return removeTree(host, tree)
  }
  await withEntries(host, container.lxcpath, async (entries) => {
    const [layer, upper] = [entries.layer(), entries.upper()]
    await move(host, tree, `${poolDir(container.lxcpath)}/${layer}`)
    writeLayerMeta(host, entries.pool, layer, { parent: null, created: host.now(), by })
    await putStack(host, placeOf(container), entries.pool, { upper, lowers: [layer] })
  })
}

/** A rename where the filesystem is the same, else a copy, which fails as a whole; what is killed meanwhile is found by its claim, or by the mark of a half made container. */
async function move(host: Host, from: string, to: string): Promise<void> {
  try {
    host.fs.renameSync(from, to)
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') throw error
    await copyTree(host, from, to)
  }
}

function placeOf({ name, lxcpath, dir: directory }: Container): { name: string; lxcpath: string; directory: string } {
  return { name, lxcpath, directory }
}
