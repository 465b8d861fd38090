/** Documents of the OCI image format, as far as they are read here, from JSON that nobody vouches for. Pure. */
import { TlxcError } from '../../errors.ts'

export interface Descriptor {
  readonly mediaType: string
  /** sha256:HEX; nothing else is accepted. */
  readonly digest: string
  /** Bytes; null: it does not say. */
  readonly size: number | null
  readonly tag: string | null
  readonly platform: { readonly os: string; readonly architecture: string; readonly variant: string } | null
}

export interface Manifest {
  readonly config: Descriptor
  /** Bottom first. */
  readonly layers: readonly Descriptor[]
}

/** `config` of an image's configuration. */
export interface RunConfig {
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[]
  /** NAME=VALUE */
  readonly env: readonly string[]
  readonly user: string
  readonly workingDir: string
  readonly stopSignal: string
  readonly volumes: readonly string[]
  readonly exposedPorts: readonly string[]
  readonly labels: readonly (readonly [string, string])[]
}

type Tree = Readonly<Record<string, unknown>>

const INDEX_TYPES = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json']
const LAYER_TYPE = /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+gzip|\+zstd)?|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:\.gzip|\.zstd)?)$/

/** Entries of an index (index.json of a layout, or a multi-platform image). Throws TlxcError TEMPLATE. */
export function parseIndex(text: string, what: string): Descriptor[] {
  return list(parseTree(text, what)['manifests']).map((entry) => descriptor(entry, what))
}

/** Throws TlxcError TEMPLATE, also for layers that are no tar archives. */
export function parseManifest(text: string, what: string): Manifest {
  const tree = parseTree(text, what)
  const layers = list(tree['layers']).map((entry) => descriptor(entry, what))
  const odd = layers.find(({ mediaType }) => !LAYER_TYPE.test(mediaType))
  if (odd) throw unusable(what, `it has a layer of type "${odd.mediaType}"`)
  return { config: descriptor(tree['config'], what), layers }
}

/** Digests of the layers without compression, bottom first, from the image's configuration. Throws TlxcError TEMPLATE. */
export function parseDiffIds(text: string, what: string): string[] {
  return list(asTree(parseTree(text, what)['rootfs'])['diff_ids']).map((value) => digestOf(value, what))
}

/** Throws TlxcError TEMPLATE. */
export function parseRunConfig(text: string, what: string): RunConfig {
  const config = asTree(parseTree(text, what)['config'])
  return {
    entrypoint: strings(config['Entrypoint']),
    cmd: strings(config['Cmd']),
    env: strings(config['Env']),
    user: asString(config['User']),
    workingDir: asString(config['WorkingDir']),
    stopSignal: asString(config['StopSignal']),
    volumes: Object.keys(asTree(config['Volumes'])),
    exposedPorts: Object.keys(asTree(config['ExposedPorts'])),
    labels: Object.entries(asTree(config['Labels'])).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value] as const] : [])),
  }
}

export function isIndex({ mediaType }: Descriptor): boolean {
  return INDEX_TYPES.includes(mediaType)
}

/**
 * The one that `tag` names (null: the only one), then the one for linux on `architecture` (in Go's words: amd64, arm64).
 * Throws TlxcError TEMPLATE that says what there is.
 */
export function chooseByTag(entries: readonly Descriptor[], tag: string | null, what: string): Descriptor {
  const named = tag === null ? entries : entries.filter((entry) => entry.tag === tag)
  if (tag === null && new Set(entries.map((entry) => entry.digest)).size > 1) throw ambiguous(entries, what)
  const [first] = named
  if (first) return first
  const tags = entries.flatMap((entry) => entry.tag ?? [])
  throw new TlxcError('TEMPLATE', `cannot find tag "${tag ?? ''}" in "${what}"`, { hint: tags.length > 0 ? `it has: ${tags.join(', ')}` : 'it has no tags: leave the tag out' })
}

export function chooseByPlatform(entries: readonly Descriptor[], architecture: string, what: string): Descriptor {
  const fits = entries.find(({ platform }) => platform === null || (platform.os === 'linux' && platform.architecture === architecture))
  if (fits) return fits
  const has = entries.flatMap(({ platform }) => (platform ? [`${platform.os}/${platform.architecture}`] : []))
  throw new TlxcError('TEMPLATE', `cannot use "${what}": it has nothing for linux/${architecture}`, { hint: `it is for ${has.join(', ') || 'nothing'}` })
}

export function unusable(what: string, reason: string): TlxcError {
  return new TlxcError('TEMPLATE', `cannot use "${what}": ${reason}`, { hint: 'the image is damaged, or not meant for containers' })
}

function ambiguous(entries: readonly Descriptor[], what: string): TlxcError {
  return new TlxcError('TEMPLATE', `cannot choose an image of "${what}": it has ${entries.length}`, { hint: `name a tag: ${entries.flatMap((entry) => entry.tag ?? []).join(', ')}` })
}

function descriptor(value: unknown, what: string): Descriptor {
  const tree = asTree(value)
  const digest = digestOf(tree['digest'], what)
  const tag = asTree(tree['annotations'])['org.opencontainers.image.ref.name']
  const platform = asTree(tree['platform'])
  return {
    mediaType: asString(tree['mediaType']),
    digest,
    size: typeof tree['size'] === 'number' ? tree['size'] : null,
    tag: typeof tag === 'string' ? tag : null,
    platform: typeof platform['architecture'] === 'string' ? { os: asString(platform['os']), architecture: platform['architecture'], variant: asString(platform['variant']) } : null,
  }
}

/** It becomes a file name. */
function digestOf(value: unknown, what: string): string {
  const digest = asString(value)
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw unusable(what, `"${digest.slice(0, 100)}" is no SHA-256 digest`)
  return digest
}

function parseTree(text: string, what: string): Tree {
  try {
    const tree: unknown = JSON.parse(text)
    if (isTree(tree)) return tree
  } catch {
    // Told below, as every other thing that is no document.
  }
  throw unusable(what, 'its description is no JSON')
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const asTree = (value: unknown): Tree => (isTree(value) ? value : {})
const asString = (value: unknown): string => (typeof value === 'string' ? value : '')
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
const strings = (value: unknown): string[] => list(value).filter((item) => typeof item === 'string')
