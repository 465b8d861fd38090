/** Later layers for a container that has the base: what it was is put aside as by a restore, so that tlxc-snapshot --undo takes it back. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { inPool, type NewEntries } from '../storage/entries.ts'
import { commitJournal, type Step } from '../storage/journal.ts'
import { runStorage } from '../storage/native.ts'
import { layerIdentity } from '../storage/pool.ts'
import type { Stack } from '../storage/stack.ts'
import { hideView, type Layered } from '../storage/view.ts'
import type { ArchiveManifest } from './archive-manifest.ts'
import type { Unpacked } from './import.ts'
import { describeLayer, snapshotStack, writeSnapshot } from './import-new.ts'
import { collectLayers, inContainer, openLayers, showFiles } from './layers.ts'
import { stackCommit } from './snapshot.ts'
import { listSnapshots, snapshotsDir } from './snapshots.ts'
import { readConfigText, type Container } from './store.ts'

/**
 * The layers of the container that the archive rests on, top first. Only its own count: an archive may claim any base, and must not get to see
 * another container's files. Throws TlxcError STORAGE that names what is missing.
 */
export function findBase(host: Host, container: Container, layered: Layered | null, { base, since }: ArchiveManifest): string[] {
  if (layered === null) throw missing(container, since, 'its storage has no layers')
  const { pool, stack } = layered
  const stacks = [stack.lowers, stack.aside?.lowers ?? [], ...listSnapshots(host, container).map((snapshot) => snapshot.stack?.lowers ?? [])]
  const wanted = base.map(({ identity }) => identity)
  for (const lowers of stacks) {
    const below = lowers.slice(Math.max(0, lowers.length - wanted.length))
    if (below.length === wanted.length && below.every((name, at) => layerIdentity(host, pool, name) === wanted[at])) return below
  }
  const known = new Set(stacks.flat().map((name) => layerIdentity(host, pool, name)))
  const absent = wanted.filter((identity) => !known.has(identity))
  throw missing(container, since, absent.length > 0 ? `it lacks the layer${absent.length > 1 ? 's' : ''} ${absent.slice(0, 3).join(', ')}${absent.length > 3 ? ', …' : ''}` : 'it has its layers in another order')
}

function missing({ name }: Container, since: string | null, reason: string): TlxcError {
  return new TlxcError('STORAGE', `cannot bring "${name}" up to date: the archive has only what came after snapshot "${since ?? '?'}", and ${reason}`, {
    hint: 'import a whole archive first, or export without --since',
  })
}

export interface Increment {
  manifest: ArchiveManifest
  entries: NewEntries
  /** Top first. */
  unpacked: readonly Unpacked[]
  /** What they rest on, top first. */
  lowers: readonly string[]
}

/** The caller holds the container's lock and knows that it is stopped. Its configuration, with its ids and addresses here, stays as it is. */
export async function addLayers(host: Host, container: Container, { manifest, entries, unpacked, lowers: below }: Increment): Promise<void> {
  // Read again: unpacking took its time, but the lock was held.
  const layered = openLayers(host, container)
  if (layered === null) throw new TlxcError('STORAGE', `cannot use the layers of "${container.name}": they are gone`, { hint: 'tlxc-checkconfig --storage shows what is there' })
  const { pool, stack } = layered
  const config = readConfigText(host, container)
  const lowers: string[] = [...below]
  const steps: Step[] = []
  for (const layer of [...unpacked].reverse()) {
    const name = entries.layer()
    describeLayer(host, pool, name, layer, lowers[0] ?? null)
    steps.push({ do: 'rename', from: inPool(layer.temporary), to: inPool(name) })
    lowers.unshift(name)
  }
  steps.push(...snapshotSteps(host, container, manifest, config, lowers))
  const upper = entries.upper()
  const aside = { at: host.now(), restored: manifest.snapshot?.name ?? 'an import', upper: stack.upper, lowers: stack.lowers, based: stack.based, config }
  const after: Stack = { version: 1, type: 'overlay', upper, lowers, based: manifest.snapshot?.name ?? null, running: null, aside }
  await hideView(host, layered, { op: 'sync', path: pool })
  try {
    await commitJournal(
      host,
      { lxcpath: container.lxcpath, directory: container.dir },
      { version: 1, purpose: 'import', steps, commit: stackCommit(container, stack, after) },
      async () => void (await runStorage(host, [{ op: 'upper', pool, name: upper, lowers }])),
    )
  } finally {
    await showFiles(host, container)
  }
  if (stack.aside !== null) await collectLayers(host, container.lxcpath)
}

function snapshotSteps(host: Host, container: Container, { snapshot, since }: ArchiveManifest, config: string, lowers: readonly string[]): Step[] {
  if (snapshot === null) return []
  const parent = snapshotsDir(container)
  const hidden = `${parent}/.${snapshot.name}`
  host.fs.mkdirSync(parent, { recursive: true, mode: 0o700 })
  host.fs.rmSync(hidden, { recursive: true, force: true })
  writeSnapshot(host, hidden, `${parent}/${snapshot.name}`, snapshot, config, snapshotStack(snapshot, lowers, since))
  return [{ do: 'rename', from: inContainer(container, `snaps/.${snapshot.name}`), to: inContainer(container, `snaps/${snapshot.name}`) }]
}
