/** What an exported container consists of: the first member of its archive. PURE. */
import { ArchiveError } from '../storage/tar-header.ts'

export const ARCHIVE_FORMAT = 'tlxc-archive'
export const ARCHIVE_VERSION = 1

export interface ArchivedLayer {
  /** Its name in the archive. */
  id: string
  /** The same wherever the layer was copied to. */
  identity: string
  /** Milliseconds since the epoch. */
  created: number
  by: string
}

export interface ArchiveManifest {
  format: typeof ARCHIVE_FORMAT
  version: number
  /** When it was exported, milliseconds since the epoch. */
  exported: number
  container: string
  /** Directory of the container, and that of the installed configuration files: paths in the configuration begin so. */
  directory: string
  includes: string
  /** null: the container as it was. */
  snapshot: { name: string; created: number; comment: string | null; frozen_us: number | null } | null
  /** The snapshot on which an incremental archive rests; null: it is complete. */
  since: string | null
  config: string
  /** Files of the container's directory that the configuration names; base64. */
  files: { name: string; mode: number; data: string }[]
  /** Top first. */
  layers: ArchivedLayer[]
  /** What must be there already, below those; top first. */
  base: { identity: string }[]
}

/** Throws ArchiveError, which names the field. */
export function parseManifest(text: string): ArchiveManifest {
  const value = parseObject(text)
  if (value.format !== ARCHIVE_FORMAT) throw new ArchiveError('it is no archive of tlxc-export')
  if (value.version !== ARCHIVE_VERSION) throw new ArchiveError(`its format is version ${String(value.version)}, and this tlxc reads version ${ARCHIVE_VERSION}`)
  const manifest: ArchiveManifest = {
    format: ARCHIVE_FORMAT,
    version: ARCHIVE_VERSION,
    exported: time(value.exported, 'exported'),
    container: string(value.container, 'container'),
    directory: path(value.directory, 'directory'),
    includes: path(value.includes, 'includes'),
    snapshot: value.snapshot === null ? null : parseSnapshot(object(value.snapshot, 'snapshot')),
    since: value.since === null ? null : string(value.since, 'since'),
    config: string(value.config, 'config'),
    files: array(value.files, 'files').map(parseFile),
    layers: array(value.layers, 'layers').map(parseLayer),
    base: array(value.base, 'base').map((one) => ({ identity: identity(object(one, 'base').identity) })),
  }
  if (new Set(manifest.layers.map(({ id }) => id)).size !== manifest.layers.length) throw wrong('layers')
  if (manifest.layers.length + manifest.base.length === 0 || (manifest.since === null) !== (manifest.base.length === 0)) throw wrong('base')
  return manifest
}

type Fields = Record<string, unknown>

function parseObject(text: string): Fields {
  try {
    return object(JSON.parse(text), 'all of it')
  } catch (error) {
    if (error instanceof ArchiveError) throw error
    throw new ArchiveError('its manifest is no JSON')
  }
}

function parseSnapshot(value: Fields): ArchiveManifest['snapshot'] {
  const { comment, frozen_us: frozen } = value
  return {
    name: string(value.name, 'snapshot.name'),
    created: time(value.created, 'snapshot.created'),
    comment: comment === null ? null : string(comment, 'snapshot.comment'),
    frozen_us: frozen === null ? null : time(frozen, 'snapshot.frozen_us'),
  }
}

function parseFile(given: unknown): ArchiveManifest['files'][number] {
  const value = object(given, 'files')
  const name = string(value.name, 'files.name')
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/.test(name) || RESERVED.has(name)) throw wrong('files.name')
  const mode = time(value.mode, 'files.mode')
  if (mode > 0o777) throw wrong('files.mode')
  const data = string(value.data, 'files.data')
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(data)) throw wrong('files.data')
  return { name, mode, data }
}

/** What a container's directory has anyway: no file of an archive may take its place. */
const RESERVED = new Set(['config', 'storage.json', 'journal', 'rootfs', 'snaps', 'partial', 'newname', 'destroyed.json', 'lxc_snapshots', 'lxc_rdepends'])

/** A file of the container's directory that may travel with it. */
export function isPortableFile(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/.test(name) && !RESERVED.has(name)
}

function parseLayer(given: unknown): ArchivedLayer {
  const value = object(given, 'layers')
  const id = string(value.id, 'layers.id')
  if (!/^l[a-z0-9]{5}$/.test(id)) throw wrong('layers.id')
  return { id, identity: identity(value.identity), created: time(value.created, 'layers.created'), by: string(value.by, 'layers.by').replace(/\p{Cc}/gu, '?').slice(0, 500) }
}

function identity(value: unknown): string {
  if (typeof value !== 'string' || !/^[a-z0-9-]{1,64}$/.test(value)) throw wrong('identity')
  return value
}

function object(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(what)
  return value as Fields
}

/** As many as overlayfs takes layers, and more files than a container has. */
function array(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value) || value.length > 500) throw wrong(what)
  return value
}

function string(value: unknown, what: string): string {
  if (typeof value !== 'string' || value.includes('\0')) throw wrong(what)
  return value
}

function path(value: unknown, what: string): string {
  const text = string(value, what)
  if (!text.startsWith('/')) throw wrong(what)
  return text
}

function time(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw wrong(what)
  return value
}

function wrong(what: string): ArchiveError {
  return new ArchiveError(`its manifest is damaged (${what})`)
}
