/** A new container of unpacked layers: all of it or nothing. */
import { formatTimestamp } from '../config/timestamp.ts'
import type { ConfigDocument } from '../config/document.ts'
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { NewEntries } from '../storage/entries.ts'
import { runStorage } from '../storage/native.ts'
import { putStack } from '../storage/overlay.ts'
import { writeLayerMeta } from '../storage/pool.ts'
import { encodeStack, readStack, stackFile, type SnapshotStack } from '../storage/stack.ts'
import { discard } from '../storage/trash.ts'
import { viewOf } from '../storage/view.ts'
import type { ArchiveManifest } from './archive-manifest.ts'
import { idMapPool } from './create-input.ts'
import { giveIdentity } from './identity.ts'
import { claimIdRange, RANGE_SIZE } from './idrange.ts'
import type { ImportContext, Unpacked } from './import.ts'
import { adoptRange, needsRange } from './import-config.ts'
import { hideFiles, showFiles } from './layers.ts'
import { loadContainerConfig } from './load-config.ts'
import { clearPartial, markPartial } from './partial.ts'
import { snapshotConfig } from './snapshot.ts'
import { snapshotsDir } from './snapshots.ts'
import type { Container } from './store.ts'
import { UndoStack } from './undo.ts'

const CONFIG_MODE = 0o640

export interface NewContainer {
  manifest: ArchiveManifest
  config: ConfigDocument
  entries: NewEntries
  /** Top first. */
  unpacked: readonly Unpacked[]
}

/** The caller holds the name's lock, and what is unpacked is what was exported. */
export async function makeContainer(ctx: ImportContext, container: Container, made: NewContainer): Promise<void> {
  const { host, signal } = ctx
  const { manifest, config, entries, unpacked } = made
  const undo = new UndoStack()
  try {
    makeDirectory(host, container, undo)
    await writeConfig(host, container, config)
    for (const { name, mode, data } of manifest.files) host.writeFileAtomic(`${container.dir}/${name}`, Buffer.from(data, 'base64'), mode & 0o755)
    loadContainerConfig(host, container)
    await runStorage(host, [{ op: 'sync', path: entries.pool }])
    const lowers = nameLayers(host, entries, unpacked)
    if (manifest.snapshot !== null) {
      const directory = `${snapshotsDir(container)}/${manifest.snapshot.name}`
      host.fs.mkdirSync(snapshotsDir(container), { mode: 0o700 })
      writeSnapshot(host, directory, directory, manifest.snapshot, config.toString(), snapshotStack(manifest.snapshot, lowers, null))
    }
    undo.defer(() => hide(host, container, entries.pool))
    const { name, lxcpath, dir: directory } = container
    await putStack(host, { name, lxcpath, directory }, entries.pool, { upper: entries.upper(), lowers, based: manifest.snapshot?.name ?? null })
    signal.throwIfAborted()
    await showFiles(host, container)
    // Beside the one that it was made from it is a machine of its own.
    if (name !== manifest.container) giveIdentity(host, viewOf(directory), name)
    clearPartial(host, container)
    undo.release()
  } catch (error) {
    const [problem] = await undo.unwind()
    if (problem) ctx.log.warn(`${container.name}: ${problem.message}; tlxc-destroy ${container.name} tries again`)
    throw error
  }
  warnOfIds(ctx, container, config, unpacked)
}

/** Gives them names of their own and remembers what they are called elsewhere; top first. */
function nameLayers(host: Host, entries: NewEntries, unpacked: readonly Unpacked[]): string[] {
  const names: string[] = []
  for (const layer of [...unpacked].reverse()) {
    const name = entries.layer()
    describeLayer(host, entries.pool, name, layer, names[0] ?? null)
    host.fs.renameSync(`${entries.pool}/${layer.temporary}`, `${entries.pool}/${name}`)
    names.unshift(name)
  }
  return names
}

export function describeLayer(host: Host, pool: string, name: string, { identity, created, by }: Unpacked, parent: string | null): void {
  writeLayerMeta(host, pool, name, { parent, created, by, identity })
}

export function snapshotStack({ created, frozen_us: frozenUs }: NonNullable<ArchiveManifest['snapshot']>, lowers: readonly string[], parent: string | null): SnapshotStack {
  return { version: 1, type: 'overlay', lowers, parent, created, frozenUs }
}

/** directory: what it will be called; where: what it is called now. */
export function writeSnapshot(host: Host, where: string, directory: string, { comment, created }: NonNullable<ArchiveManifest['snapshot']>, config: string, stack: SnapshotStack): void {
  host.fs.mkdirSync(where, { mode: 0o700 })
  host.writeFileAtomic(stackFile(where), encodeStack(stack), 0o600)
  host.writeFileAtomic(`${where}/config`, snapshotConfig(config, directory), CONFIG_MODE)
  host.writeFileAtomic(`${where}/ts`, formatTimestamp(created), 0o644)
  if (comment !== null) host.writeFileAtomic(`${where}/comment`, comment, 0o644)
}

function makeDirectory(host: Host, container: Container, undo: UndoStack): void {
  try {
    // 0700 from the first moment: files of the container may be set-uid root on this machine's disk.
    host.fs.mkdirSync(container.dir, { mode: 0o700 })
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    throw new TlxcError('EXISTS', `cannot import "${container.name}": "${container.dir}" exists`, { hint: 'give another name: tlxc-import FILE NEWNAME' })
  }
  undo.defer(() => discard(host, container.lxcpath, container.dir))
  markPartial(host, container)
}

async function writeConfig(host: Host, container: Container, config: ConfigDocument): Promise<void> {
  const write = (): void => host.writeFileAtomic(container.configFile, config.toString(), CONFIG_MODE)
  const pool = needsRange(config) ? idMapPool(host, '', false) : null
  if (pool === null) return write()
  await claimIdRange(host, container.lxcpath, pool, (claim) => {
    adoptRange(config, claim)
    write()
  })
}

async function hide(host: Host, container: Container, pool: string): Promise<void> {
  const stack = readStack(host, container.dir)
  if (stack !== null) await hideFiles(host, { pool, directory: container.dir, stack })
}

/** They are on the disk as they were; inside they show as those of nobody. */
export function warnOfIds({ log }: Pick<ImportContext, 'log'>, { name }: Container, config: ConfigDocument, unpacked: readonly Unpacked[]): void {
  const largest = Math.max(0, ...unpacked.map(({ largestId }) => largestId))
  if (largest >= RANGE_SIZE && needsRange(config)) log.warn(`${name}: files belong to ids up to ${largest}; those from ${RANGE_SIZE} on are 65534 inside, because its range ends there`)
}
