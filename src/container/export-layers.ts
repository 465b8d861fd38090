/** Which layers an export consists of, and that they stay until it is done. */
import { randomBytes } from 'node:crypto'
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { holdEntries } from '../storage/hold.ts'
import { layerIdentity, poolAbove, readLayerMeta } from '../storage/pool.ts'
import { openLayers } from './layers.ts'
import { isShifted, plainOf } from './plain.ts'
import { findSnapshot, type Snapshot } from './snapshots.ts'
import { containerStatus } from './state.ts'
import type { Container } from './store.ts'

export interface ExportLayer {
  /** Its name in the archive. */
  id: string
  identity: string
  created: number
  by: string
  /** The directory. */
  path: string
}

export interface Exported {
  /** Top first. */
  layers: readonly ExportLayer[]
  /** Identities of what is left out, top first. */
  base: readonly string[]
  snapshot: Snapshot | null
  /** Whose configuration it is. */
  directory: string
  /** Call it when the layers are read. */
  release(): void
}

interface ChooseContext {
  readonly host: Host
  readonly log: { warn(message: string): void }
}

/** The caller holds the container's lock. Throws TlxcError NOT_DEFINED, RUNNING, UNSUPPORTED, STORAGE. */
export async function chooseLayers(ctx: ChooseContext, container: Container, options: { snapshot: string | null; since: string | null }): Promise<Exported> {
  const { host } = ctx
  const layered = openLayers(host, container, ctx.log.warn)
  const snapshot = options.snapshot === null ? null : findSnapshot(host, container, options.snapshot)
  if (snapshot === null) await requireStopped(ctx, container)
  const since = options.since === null ? null : findSnapshot(host, container, options.since)
  const directory = snapshot?.directory ?? container.dir
  const stack = snapshot === null ? layered?.stack : snapshot.stack
  if (!stack) {
    if (since !== null) throw new TlxcError('UNSUPPORTED', `cannot export "${container.name}" since "${since.name}": its storage has no layers`, { hint: 'leave --since out' })
    if (isShifted(host, container, snapshot)) {
      throw new TlxcError('UNSUPPORTED', `cannot export "${container.name}": its files belong to the ids of its range, which is another one elsewhere`, {
        hint: 'give its files ids from 0 on, and set lxc.rootfs.options = idmap=container',
      })
    }
    return { layers: [plainLayer(host, container, snapshot)], base: [], snapshot, directory, release: () => undefined }
  }
  const pool = poolAbove(host, container.dir)
  const kept = since === null ? 0 : commonDepth(container, stack.lowers, since)
  const names = stack.lowers.slice(0, stack.lowers.length - kept)
  const upper = 'upper' in stack ? [upperLayer(host, pool, stack.upper, container)] : []
  const layers = [...upper, ...names.map((name) => describeLayer(host, pool, name))]
  const base = stack.lowers.slice(names.length).map((name) => requireIdentity(host, pool, name))
  const release = holdEntries(host, pool, stack.lowers)
  return { layers, base, snapshot, directory, release }
}

async function requireStopped({ host, log }: ChooseContext, container: Container): Promise<void> {
  if ((await containerStatus(host, container, { locked: true, onKilled: log.warn })) === null) return
  throw new TlxcError('RUNNING', `cannot export "${container.name}": it is running`, {
    hint: `take a snapshot and export that: tlxc-snapshot -n ${container.name} --name NAME; tlxc-export ${container.name} NAME FILE`,
  })
}

/** How many of the lowest layers the two have in common. */
function commonDepth(container: Container, lowers: readonly string[], since: Snapshot): number {
  const theirs = since.stack?.lowers ?? []
  let depth = 0
  while (depth < Math.min(lowers.length, theirs.length) && lowers.at(-1 - depth) === theirs.at(-1 - depth)) depth++
  if (depth > 0) return depth
  throw new TlxcError('STORAGE', `cannot export "${container.name}" since "${since.name}": they have no layer in common`, {
    hint: 'its layers were merged, or it was restored to something else; leave --since out once',
  })
}

function describeLayer(host: Host, pool: string, name: string): ExportLayer {
  const meta = readLayerMeta(host, pool, name)
  return { id: name, identity: layerIdentity(host, pool, name) ?? unknownIdentity(), created: meta?.created ?? 0, by: meta?.by ?? 'unknown', path: `${pool}/${name}` }
}

function requireIdentity(host: Host, pool: string, name: string): string {
  const identity = layerIdentity(host, pool, name)
  if (identity !== null) return identity
  throw new TlxcError('STORAGE', `cannot leave layer "${name}" out: nothing is known of it`, { hint: 'leave --since out' })
}

/** What is written as the archive is made is a layer in it; no other one will ever be the same. */
function upperLayer(host: Host, pool: string, upper: string, { name }: Container): ExportLayer {
  return { id: `l${upper.slice(1)}`, identity: unknownIdentity(), created: host.now(), by: `export of ${name}`, path: `${pool}/${upper}/up` }
}

function plainLayer(host: Host, container: Container, snapshot: Snapshot | null): ExportLayer {
  const path = snapshot === null ? plainOf(host, container).rootfs : `${snapshot.directory}/rootfs`
  return { id: 'lplain', identity: unknownIdentity(), created: snapshot?.created ?? host.now(), by: `export of ${container.name}`, path }
}

function unknownIdentity(): string {
  return `x-${randomBytes(16).toString('hex')}`
}
