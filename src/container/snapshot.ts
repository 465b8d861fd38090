/** Takes a snapshot: of a stopped container by one rename, of a running one by a copy of what changed. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { ConfigDocument } from '../config/document.ts'
import { formatTimestamp } from '../config/timestamp.ts'
import { inPool, withEntries, type NewEntries } from '../storage/entries.ts'
import { commitJournal, type Step } from '../storage/journal.ts'
import type { LivesnapReport } from '../protocol/generated.ts'
import { runLivesnap, runStorage } from '../storage/native.ts'
import { manifestFile, writeLayerMeta } from '../storage/pool.ts'
import { encodeStack, stackFile, type SnapshotStack, type Stack } from '../storage/stack.ts'
import { removeSpentUpper } from '../storage/trash.ts'
import { hideView, type Layered } from '../storage/view.ts'
import { inContainer, showFiles, withNewUpper } from './layers.ts'
import { requireDepth } from './depth.ts'
import { answeredStatus } from './state.ts'
import { requireOnDisk } from './memory.ts'
import type { Container } from './store.ts'
import { readConfigText } from './store.ts'
import { snapshotsDir } from './snapshots.ts'

export interface SnapshotOptions {
  /** Its name, free and checked. */
  name: string
  comment: string | null
  /** Its configuration, instead of the container's (--rcfile). */
  rcfile?: string
}

export interface Taken {
  name: string
  directory: string
  created: number
  /** null: it was stopped. */
  frozenUs: number | null
  /** Spent in syncfs(2), microseconds. */
  syncUs: number
  /** Copied while it ran; null: nothing was copied. */
  copied: { files: number; bytes: number; hotFiles: number; largestHotBytes: number; delta: boolean } | null
}

/** A chain of differences that grows no longer than this; the next one is a whole copy again. */
const MAX_RUNNING_CHAIN = 24
/** The container is never frozen longer than this, whatever happens. */
const LEASE_MS = 5000
/** What is copied under freeze goes to memory first, up to this. */
const MEMORY_BUDGET = 256 << 20
const PASSES = 3
/** More did not make the scan under freeze shorter on two processors. */
const SCAN_THREADS = 2

/** The upper becomes a layer. The caller holds the container's lock and knows that it is stopped. */
export async function snapshotStopped(host: Host, container: Container, layered: Layered, options: SnapshotOptions): Promise<Taken> {
  const { lxcpath } = container
  const { stack } = layered
  requireDepth(container, stack.lowers.length + 1)
  return withEntries(host, lxcpath, async (entries) => {
    const created = host.now()
    const layer = entries.layer()
    // Its data becomes durable before any rename is: a power cut would leave files of 0 bytes.
    const { syncUs } = await hideView(host, layered, { op: 'sync', path: layered.pool })
    try {
      const lowers = [layer, ...stack.lowers]
      const steps = writeSnapshot(host, container, options, { version: 1, type: 'overlay', lowers, parent: stack.based, created, frozenUs: null })
      await seal(host, container, layered, { entries, layer, purpose: `snapshot ${options.name}`, steps, based: options.name })
    } finally {
      await showFiles(host, container)
    }
    return { name: options.name, directory: `${snapshotsDir(container)}/${options.name}`, created, frozenUs: null, syncUs, copied: null }
  })
}

export interface Sealing {
  entries: NewEntries
  /** Name that the upper gets as a layer. */
  layer: string
  purpose: string
  /** More that is done with it. */
  steps: readonly Step[]
  /** The snapshot that the container then sits on. */
  based: string | null
}

/** Makes the upper of an unmounted stack, whose data is synced, its top layer, and puts a fresh upper on it. Resolves with the new stack. */
export async function seal(host: Host, container: Container, { pool, stack }: Layered, { entries, layer, purpose, steps, based }: Sealing): Promise<Stack> {
  const upper = entries.upper()
  const lowers = [layer, ...stack.lowers]
  const after: Stack = { ...withNewUpper(stack, upper, lowers), based }
  const rename: Step = { do: 'rename', from: `${inPool(stack.upper)}/up`, to: inPool(layer) }
  writeLayerMeta(host, pool, layer, { parent: stack.lowers[0] ?? null, created: host.now(), by: `${purpose} of ${container.name}` })
  await commitJournal(
    host,
    { lxcpath: container.lxcpath, directory: container.dir },
    { version: 1, purpose, steps: [rename, ...steps], commit: stackCommit(container, stack, after) },
    // The root directory of the merged view takes its mode, owner and times from the upper.
    async () => void (await runStorage(host, [{ op: 'upper', pool, name: upper, lowers }])),
  )
  await removeSpentUpper(host, `${pool}/${stack.upper}`)
  return after
}

export function stackCommit(container: Container, before: Stack, after: Stack): { do: 'write'; path: string; before: string; after: string; mode: number } {
  return { do: 'write', path: inContainer(container, 'storage.json'), before: encodeStack(before), after: encodeStack(after), mode: 0o600 }
}

/** Copies the upper while it runs; frozen for the last changes only. The caller holds the container's lock. */
export async function snapshotRunning(host: Host, container: Container, layered: Layered, options: SnapshotOptions): Promise<Taken> {
  const { stack } = layered
  const purpose = `snapshot ${options.name}`
  const created = host.now()
  const report = await copyUpper(host, container, layered, purpose, (layers, { frozen_us: frozenUs }) => ({
    steps: writeSnapshot(host, container, options, { version: 1, type: 'overlay', lowers: [...layers, ...stack.lowers], parent: stack.based, created, frozenUs }),
    based: options.name,
  }))
  const { files, bytes, hot_files: hotFiles, largest_hot_bytes: largestHotBytes, delta } = report
  return {
    name: options.name, directory: `${snapshotsDir(container)}/${options.name}`, created,
    frozenUs: report.frozen_us, syncUs: report.sync_us, copied: { files, bytes, hotFiles, largestHotBytes, delta },
  }
}

/** Layers that hold everything of a running container as it is now, top first. The caller holds its lock. */
export async function copyRunning(host: Host, container: Container, layered: Layered): Promise<readonly string[]> {
  const { stack } = layered
  let lowers = stack.lowers
  await copyUpper(host, container, layered, 'clone', (layers) => {
    lowers = [...layers, ...stack.lowers]
    return { steps: [], based: stack.based }
  })
  return lowers
}

type Prepare = (layers: readonly string[], report: LivesnapReport) => { steps: Step[]; based: string | null }

async function copyUpper(host: Host, container: Container, { pool, stack }: Layered, purpose: string, prepare: Prepare): Promise<LivesnapReport> {
  const { lxcpath, runDir, dir } = container
  requireOnDisk(container, stack, 'take a snapshot of')
  requireDepth(container, stack.lowers.length + (stack.running?.layers.length ?? 0) + 1)
  return withEntries(host, lxcpath, async (entries) => {
    const layer = entries.layer({ live: true })
    const report = await runLivesnap(host, {
      upper: `${pool}/${stack.upper}/up`,
      out: `${pool}/${layer}`,
      ...baseManifest(host, pool, stack),
      manifest: manifestFile(pool, layer),
      socket: `${runDir}/command`,
      ...(await cgroupOf(host, container)),
      lease_ms: LEASE_MS,
      memory_budget: MEMORY_BUDGET,
      threads: SCAN_THREADS,
      passes: PASSES,
    })
    const layers = [layer, ...(report.delta ? (stack.running?.layers ?? []) : [])]
    writeLayerMeta(host, pool, layer, { parent: layers[1] ?? stack.lowers[0] ?? null, created: host.now(), by: `${purpose} of ${container.name}` })
    const { steps, based } = prepare(layers, report)
    const commit = stackCommit(container, stack, { ...stack, based, running: { layers } })
    await commitJournal(host, { lxcpath, directory: dir }, { version: 1, purpose, steps, commit })
    return report
  })
}

/** One that all its processes are in. */
async function cgroupOf(host: Host, container: Container): Promise<{ cgroup?: string }> {
  const cgroups = (await answeredStatus(host, container))?.cgroups.filter(({ payload }) => payload !== '') ?? []
  const cgroup = cgroups.find(({ version }) => version === 2) ?? cgroups[0]
  return cgroup === undefined ? {} : { cgroup: cgroup.payload }
}

function baseManifest(host: Host, pool: string, { running }: Stack): { base_manifest?: string } {
  const [newest] = running?.layers ?? []
  if (newest === undefined || (running?.layers.length ?? 0) >= MAX_RUNNING_CHAIN) return {}
  const file = manifestFile(pool, newest)
  return host.fs.existsSync(file) ? { base_manifest: file } : {}
}

/** Writes the snapshot under a hidden name, durably; the steps that give it its own. */
function writeSnapshot(host: Host, container: Container, { name, comment, rcfile }: SnapshotOptions, stack: SnapshotStack): Step[] {
  const parent = snapshotsDir(container)
  const hidden = `${parent}/.${name}`
  host.fs.mkdirSync(parent, { recursive: true, mode: 0o700 })
  host.fs.rmSync(hidden, { recursive: true, force: true })
  host.fs.mkdirSync(hidden, { mode: 0o700 })
  host.writeFileAtomic(stackFile(hidden), encodeStack(stack), 0o600)
  host.writeFileAtomic(`${hidden}/config`, snapshotConfig(readConfigText(host, container, rcfile), `${parent}/${name}`), 0o640)
  host.writeFileAtomic(`${hidden}/ts`, formatTimestamp(stack.created), 0o644)
  if (comment !== null) host.writeFileAtomic(`${hidden}/comment`, comment, 0o644)
  return [{ do: 'rename', from: inContainer(container, `snaps/.${name}`), to: inContainer(container, `snaps/${name}`) }]
}

/** As LXC's: that of a container whose root file system lies in the snapshot's directory. */
export function snapshotConfig(config: string, directory: string, type = 'dir'): string {
  const document = ConfigDocument.parse(config)
  if (document.values('lxc.rootfs.path').length > 0) document.set('lxc.rootfs.path', `${type}:${directory}/rootfs`)
  return document.toString()
}

export function noLayers({ name }: Pick<Container, 'name'>): TlxcError {
  return new TlxcError('UNSUPPORTED', `cannot merge the layers of "${name}": it has none, its files are one plain tree`, {
    hint: `copy it to layers: tlxc-copy -n ${name} -N NEW -B overlay`,
  })
}
