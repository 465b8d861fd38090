/**
 * Makes a container of what tlxc-export wrote, or brings one that has the base up to date: tlxc-import. Everything is unpacked into
 * temporary entries of the pool, and gets a name only after all checksums were right.
 */
import { ConfigDocument } from '../config/document.ts'
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { interruptedBy } from '../host/interrupted.ts'
import { roomAt } from '../host/room.ts'
import { ArchiveReader } from '../storage/archive.ts'
import { withEntries, type NewEntries } from '../storage/entries.ts'
import { ArchiveError, NoRoomError } from '../storage/tar-header.ts'
import { parseManifest, type ArchiveManifest } from './archive-manifest.ts'
import { importedConfig, requireTrust, requireTrustedComment } from './import-config.ts'
import { addLayers, findBase } from './import-increment.ts'
import { makeContainer, warnOfIds } from './import-new.ts'
import { requireDepth } from './depth.ts'
import { openLayers } from './layers.ts'
import { withLock } from './lock.ts'
import { sweepPartial } from './partial.ts'
import { requireDefined } from './require.ts'
import { containerStatus } from './state.ts'
import { requireFreeName } from './snapshots.ts'
import { containerAt, isDefined, readConfigText, type Container } from './store.ts'
import { unpackLayer } from './tar-stream.ts'

export interface ImportContext {
  readonly host: Host
  readonly lockTimeoutMs: number
  readonly signal: AbortSignal
  readonly log: { warn(message: string): void }
}

export interface ImportOptions {
  lxcpath: string
  /** Absolute; null: standard input. */
  file: string | null
  /** null: that of the archive. */
  name: string | null
  /** Take configuration and device nodes that reach beyond the container. */
  trust: boolean
}

export interface Imported {
  name: string
  lxcpath: string
  /** The snapshot that came in it. */
  snapshot: string | null
  /** The snapshot that it rested on; null: it was complete. */
  since: string | null
  /** How many layers came in. */
  layers: number
  files: number
  bytes: number
}

/** A layer that is unpacked, still under a temporary name. */
export interface Unpacked {
  temporary: string
  identity: string
  created: number
  by: string
  largestId: number
}

/** Throws TlxcError STORAGE (what the archive is refused for), PERMISSION, NAME, EXISTS, NOT_DEFINED, RUNNING, BUSY, SPACE, EXEC; then nothing has changed. */
export async function importContainer(ctx: ImportContext, options: ImportOptions): Promise<Imported> {
  const { host } = ctx
  if (host.uid !== 0) throw new TlxcError('PRIVILEGE', 'cannot import a container: only root can', { hint: 'run it as root' })
  const shown = options.file === null ? 'standard input' : `"${options.file}"`
  return withArchive(ctx, options.file, shown, async (archive) => {
    const manifest = parseManifest(await archive.manifest())
    const container = containerAt(host, options.lxcpath, options.name ?? manifest.container)
    if (manifest.snapshot !== null) checkName(manifest.snapshot.name)
    host.fs.mkdirSync(options.lxcpath, { recursive: true, mode: 0o755 })
    return withLock(host, container, 'import', ctx.lockTimeoutMs, () => (manifest.since === null ? importWhole : importIncrement)(ctx, options, archive, manifest, container))
  })
}

type Import = (ctx: ImportContext, options: ImportOptions, archive: ArchiveReader, manifest: ArchiveManifest, container: Container) => Promise<Imported>

const importWhole: Import = async (ctx, options, archive, manifest, container) => {
  const { host } = ctx
  await sweepPartial(host, container)
  if (host.fs.existsSync(container.dir)) {
    const what = isDefined(host, container) ? 'Container already exists' : `"${container.dir}" exists`
    throw new TlxcError('EXISTS', `cannot import "${container.name}": ${what}`, { hint: 'give another name: tlxc-import FILE NEWNAME' })
  }
  requireDepth(container, manifest.layers.length)
  const config = importedConfig(manifest, container, host.paths.configIncludes)
  if (!options.trust) requireTrust(manifest, config, host.paths.configIncludes)
  return withEntries(host, container.lxcpath, async (entries) => {
    const { unpacked, result } = await unpack(ctx, options, archive, manifest, container, entries)
    await makeContainer(ctx, container, { manifest, config, entries, unpacked })
    return result
  })
}

const importIncrement: Import = async (ctx, options, archive, manifest, container) => {
  const { host } = ctx
  requireDefined(host, container)
  const layered = openLayers(host, container, ctx.log.warn)
  if ((await containerStatus(host, container, { locked: true, onKilled: ctx.log.warn })) !== null) {
    throw new TlxcError('RUNNING', `cannot bring "${container.name}" up to date: it is running`, { hint: `stop it first: tlxc-stop ${container.name}` })
  }
  const lowers = findBase(host, container, layered, manifest)
  if (manifest.snapshot !== null) requireFreeName(host, container, manifest.snapshot.name)
  requireDepth(container, manifest.layers.length + lowers.length)
  if (!options.trust) requireTrustedComment(manifest)
  return withEntries(host, container.lxcpath, async (entries) => {
    const { unpacked, result } = await unpack(ctx, options, archive, manifest, container, entries)
    await addLayers(host, container, { manifest, entries, unpacked, lowers })
    warnOfIds(ctx, container, ConfigDocument.parse(readConfigText(host, container)), unpacked)
    return result
  })
}

interface Unpacking {
  /** Top first. */
  unpacked: Unpacked[]
  result: Imported
}

async function unpack(ctx: ImportContext, { trust }: ImportOptions, archive: ArchiveReader, manifest: ArchiveManifest, container: Container, { pool, temporary }: NewEntries): Promise<Unpacking> {
  const { host } = ctx
  const unpacked: Unpacked[] = []
  const result: Imported = {
    name: container.name, lxcpath: container.lxcpath, snapshot: manifest.snapshot?.name ?? null, since: manifest.since, layers: manifest.layers.length, files: 0, bytes: 0,
  }
  for (const { id, identity, created, by } of [...manifest.layers].reverse()) {
    const name = temporary()
    host.fs.mkdirSync(`${pool}/${name}`, { mode: 0o700 })
    const sums = await unpackLayer(host, `${pool}/${name}`, archive.layer(id), { trustDevices: trust, ...roomAt(host, pool) }, ctx.signal)
    result.files += sums.entries
    result.bytes += sums.bytes
    unpacked.unshift({ temporary: name, identity, created, by, largestId: sums.largestId })
  }
  await archive.finish()
  return { unpacked, result }
}

/** It becomes the name of a directory. */
function checkName(name: string): void {
  if (/^[^\s/.\p{Cc}-][^\s/\p{Cc}]{0,199}$/u.test(name) && name !== 'ALL') return
  throw new ArchiveError('its snapshot has an impossible name')
}

/** Decompresses it; what is refused, is told with the name of the file. */
async function withArchive<T>({ host, signal }: ImportContext, file: string | null, shown: string, use: (archive: ArchiveReader) => Promise<T>): Promise<T> {
  const fd = file === null ? null : openFile(host, file)
  try {
    const zstd = await host.start('zstd', ['-q', '-d', '-c'], { stdin: fd ?? 'inherit', stdout: 'pipe' })
    const archive = new ArchiveReader(pieces(zstd.stdout))
    try {
      return await use(archive)
    } catch (error) {
      // When its output has ended, it is about to say whether the file is damaged.
      if (!archive.ended) zstd.kill()
      const { exitCode, signal: killed, stderr } = await zstd.done
      if (signal.aborted) throw signal.reason
      const interrupted = interruptedBy(killed)
      if (interrupted !== null) throw interrupted
      if (!(error instanceof ArchiveError)) throw error
      // A damaged file: zstd knew it first.
      const damaged = exitCode !== null && exitCode !== 0 ? (stderr.trim().split('\n').at(-1) ?? '').replace(/\p{Cc}/gu, '?') : null
      throw refused(shown, damaged === null ? error.message : `it cannot be decompressed (${damaged})`, error)
    }
  } finally {
    if (fd !== null) host.fs.closeSync(fd)
  }
}

async function* pieces(stream: AsyncIterable<unknown> | null): AsyncGenerator<Uint8Array, void> {
  for await (const piece of stream ?? []) yield piece as Uint8Array
}

function openFile(host: Host, file: string): number {
  try {
    return host.fs.openSync(file, 'r')
  } catch (error) {
    throw new TlxcError('IO', `cannot read "${file}": ${error instanceof Error ? error.message : String(error)}`, { cause: error, hint: 'name a file that tlxc-export wrote, or - for standard input' })
  }
}

function refused(shown: string, reason: string, cause: unknown): TlxcError {
  if (cause instanceof NoRoomError) return new TlxcError('SPACE', `cannot import ${shown}: ${reason}`, { cause, hint: 'make room on the filesystem of the containers; nothing was changed' })
  return new TlxcError('STORAGE', `cannot import ${shown}: ${reason}`, { cause, hint: 'nothing was changed; import a file that tlxc-export wrote, whole' })
}
