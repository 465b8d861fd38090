/** Writes a container, or one of its snapshots, into one file: tlxc-export. Nothing of it is in memory as a whole, and nothing is on disk twice. */
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { interruptedBy } from '../host/interrupted.ts'
import { writeArchive } from '../storage/archive.ts'
import { ARCHIVE_FORMAT, ARCHIVE_VERSION, isPortableFile, type ArchiveManifest } from './archive-manifest.ts'
import { chooseLayers, type ExportLayer, type Exported } from './export-layers.ts'
import { withLock } from './lock.ts'
import { requireDefined } from './require.ts'
import { readConfigText, type Container } from './store.ts'
import { readLayerStream } from './tar-stream.ts'

export interface ExportContext {
  readonly host: Host
  readonly lockTimeoutMs: number
  readonly signal: AbortSignal
  readonly log: { warn(message: string): void }
}

export interface ExportOptions {
  /** null: the container as it is now; it must be stopped. */
  snapshot: string | null
  /** Only what came after this snapshot; null: everything. */
  since: string | null
  /** Absolute; null: standard output. */
  file: string | null
  /** May take the place of a file. */
  overwrite: boolean
  /** Of zstd(1), 1…19. */
  level: number
}

export interface ExportResult {
  name: string
  snapshot: string | null
  since: string | null
  file: string | null
  /** Top first. */
  layers: readonly string[]
  /** Of the file; null on standard output. */
  bytes: number | null
}

/** What the owner alone may read: it holds a root file system. */
const FILE_MODE = 0o600
/** A file of the configuration larger than this is no part of it. */
const LARGEST_FILE = 1 << 20

/** Throws TlxcError NOT_DEFINED, RUNNING, BUSY, EXISTS, SPACE, STORAGE, EXEC, INTERRUPTED; then there is no file, or the old one. */
export async function exportContainer(ctx: ExportContext, container: Container, options: ExportOptions): Promise<ExportResult> {
  const { host } = ctx
  if (options.file !== null) requirePlace(host, options.file, options.overwrite)
  // A snapshot does not change: its layers are held, and the container is free again. Its present state is read under the lock.
  const begun = await withLock(host, container, 'export', ctx.lockTimeoutMs, async () => {
    requireDefined(host, container)
    const exported = await chooseLayers(ctx, container, options)
    const manifest = describe(host, container, options, exported)
    try {
      return options.snapshot === null ? { exported, done: await write(ctx, container, options, manifest, exported.layers) } : { exported, manifest }
    } finally {
      if (options.snapshot === null) exported.release()
    }
  })
  const { exported } = begun
  const result = { name: container.name, snapshot: options.snapshot, since: options.since, file: options.file, layers: exported.layers.map(({ id }) => id) }
  if ('done' in begun) return { ...result, bytes: begun.done }
  try {
    return { ...result, bytes: await write(ctx, container, options, begun.manifest, exported.layers) }
  } finally {
    exported.release()
  }
}

/** Throws TlxcError EXISTS. A device or pipe would be replaced by a file. */
function requirePlace(host: Host, file: string, overwrite: boolean): void {
  const found = host.fs.statSync(file, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isFile()) throw new TlxcError('EXISTS', `cannot export to "${file}": it is there, and no file`, { hint: 'name a file; or - for standard output, and send that there' })
  if (!overwrite) throw exists(file)
}

function exists(file: string): TlxcError {
  return new TlxcError('EXISTS', `cannot export to "${file}": it exists`, { hint: 'name another file, or --force to replace it' })
}

function describe(host: Host, container: Container, { since }: ExportOptions, { layers, base, snapshot, directory }: Exported): ArchiveManifest {
  const config = readConfigText(host, container, `${directory}/config`)
  return {
    format: ARCHIVE_FORMAT,
    version: ARCHIVE_VERSION,
    exported: host.now(),
    container: container.name,
    directory: container.dir,
    includes: host.paths.configIncludes,
    snapshot: snapshot && { name: snapshot.name, created: snapshot.created, comment: snapshot.comment, frozen_us: snapshot.stack?.frozenUs ?? null },
    since,
    config,
    files: namedFiles(host, container, config),
    layers: layers.map(({ id, identity, created, by }) => ({ id, identity, created, by })),
    base: base.map((identity) => ({ identity })),
  }
}

/** Small files of the container's own directory that its configuration names: fstab, hooks. */
function namedFiles(host: Host, { dir }: Container, config: string): ArchiveManifest['files'] {
  const names = new Set([...config.matchAll(/[^\s"'=]+/g)].flatMap(([word]) => (word.startsWith(`${dir}/`) ? [word.slice(dir.length + 1)] : [])))
  return [...names].filter(isPortableFile).flatMap((name) => {
    const found = host.fs.lstatSync(`${dir}/${name}`, { throwIfNoEntry: false })
    if (!found?.isFile() || found.size > LARGEST_FILE) return []
    return [{ name, mode: found.mode & 0o777, data: host.fs.readFileSync(`${dir}/${name}`).toString('base64') }]
  })
}

/** Resolves with the size of the file. */
async function write(ctx: ExportContext, container: Container, options: ExportOptions, manifest: ArchiveManifest, layers: readonly ExportLayer[]): Promise<number | null> {
  const { host } = ctx
  // Beside the file, with a name that nobody can guess: it is complete, or it is not there.
  const temporary = options.file === null ? null : `${options.file}.${randomBytes(6).toString('hex')}.tmp`
  const fd = temporary === null ? null : open(host, temporary, options.file ?? '')
  try {
    await compress(ctx, container, options.level, fd, manifest, layers)
    if (fd === null || temporary === null || options.file === null) return null
    host.fs.fsyncSync(fd)
    const { size } = host.fs.fstatSync(fd)
    if (options.overwrite) host.fs.renameSync(temporary, options.file)
    else giveFreeName(host, temporary, options.file)
    return size
  } catch (error) {
    if (temporary !== null) host.fs.rmSync(temporary, { force: true })
    throw error
  } finally {
    if (fd !== null) host.fs.closeSync(fd)
  }
}

/** What appeared there meanwhile stays. Throws TlxcError EXISTS. */
function giveFreeName(host: Host, temporary: string, file: string): void {
  try {
    host.fs.linkSync(temporary, file)
    host.fs.unlinkSync(temporary)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw exists(file)
    // FAT and some network filesystems have no hard links.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errnoOf(error) ?? '')) throw error
    requirePlace(host, file, false)
    host.fs.renameSync(temporary, file)
  }
}

function open(host: Host, path: string, wanted: string): number {
  try {
    return host.fs.openSync(path, 'wx', FILE_MODE)
  } catch (error) {
    throw new TlxcError('IO', `cannot write "${wanted}": ${error instanceof Error ? error.message : String(error)}`, { cause: error, hint: 'name a file in a directory that you can write to' })
  }
}

async function compress(ctx: ExportContext, container: Container, level: number, fd: number | null, manifest: ArchiveManifest, layers: readonly ExportLayer[]): Promise<void> {
  const { host, signal } = ctx
  const zstd = await host.start('zstd', ['-q', '-c', `-${level}`, '-T0'], { stdin: 'pipe', stdout: fd ?? 'inherit' })
  const bottomFirst = [...layers].reverse().map(({ id, path }) => ({ id, open: () => readLayerStream(host, path, signal) }))
  const archive = writeArchive(`${JSON.stringify(manifest)}\n`, Math.floor(manifest.exported / 1000), bottomFirst)
  try {
    if (zstd.stdin === null) throw new Error('zstd was started without a pipe')
    await pipeline(Readable.from(archive, { objectMode: false }), zstd.stdin, { signal })
  } catch (error) {
    if (signal.aborted || error instanceof TlxcError) zstd.kill()
    const { exitCode, signal: killed, stderr } = await zstd.done
    if (signal.aborted) throw signal.reason
    const interrupted = interruptedBy(killed)
    if (interrupted !== null) throw interrupted
    if (error instanceof TlxcError || exitCode === null || exitCode === 0) throw error
    throw failed(container, stderr, exitCode)
  }
  const { exitCode, signal: killed, stderr } = await zstd.done
  if (exitCode !== 0) throw interruptedBy(killed) ?? failed(container, stderr, exitCode)
}

function failed(container: Container, stderr: string, exitCode: number | null): TlxcError {
  const full = /No space left|quota/i.test(stderr)
  const reason = full ? 'no space left' : (stderr.trim().split('\n').at(-1) ?? '') || `zstd ended with ${exitCode ?? 'a signal'}`
  return new TlxcError(full ? 'SPACE' : 'IO', `cannot export "${container.name}": ${reason}`, { hint: full ? 'make room there, or export elsewhere' : 'see whether who reads it is still there' })
}

