/**
 * Bases: layers made of what templates' caches keep (a finished tree, a layer of an image), by the key of their content. The second container
 * of a key starts from the layer, without a copy. POOL/base/HASH.json keeps one alive, as long as the cache has what it was made of.
 */
import { TlxcError } from '../errors.ts'
import { sha256Hex } from '../hash.ts'
import type { Host } from '../host/host.ts'
import { copyTree } from './dir.ts'
import { withEntries } from './entries.ts'
import { runStorage } from './native.ts'
import { poolDir, writeLayerMeta } from './pool.ts'

/** What a template wrote into TLXC_LAYER_REQUEST: see templates/lib.sh. */
export interface LayerRequest {
  /** The finished tree, which nobody changes any more. */
  directory: string
  /** Names its content. */
  key: string
  /** File of a flock(2) without which the tree may be replaced or removed. */
  lock?: string
  /** File with the end of the key, as long as the tree is what the key names. */
  id?: string
}

export interface Base {
  /** Its name in the pool. */
  layer: string
  /** Directories of it that hide what lies below, byte strings; '' is its root. Only layers of images have any. */
  opaques: readonly string[]
}

interface Stored extends Base, LayerRequest {
  version: 1
}

/** How the content of a base comes to be. */
export interface BaseContent {
  /** What of the cache it is made of: a file or directory. When that goes, the base is forgotten. */
  source: string
  /** For people. */
  by: string
  /** The layer below without which its content has no meaning; null: it stands for itself. */
  parent?: string | null
  /** Fills the place of the layer, which does not exist yet; says by which key it is found again. */
  fill(directory: string): Promise<{ key: string; opaques?: readonly string[] }>
  /** Called when it is there and referred to, but nobody could have taken it away yet. */
  made?(layer: string): void
}

/** null: the template left the file empty, for it knows nothing of layers. Throws TlxcError TEMPLATE for anything that is no request. */
export function parseLayerRequest(text: string): LayerRequest | null {
  if (text === '') return null
  const [line = '', lock, id, ...more] = text.replace(/\n$/, '').split('\n')
  const [, directory, key] = /^(\/.*) ([\w.+-]{1,255})$/.exec(line) ?? []
  const known = directory !== undefined && key !== undefined && more.length === 0
  if (known && lock === undefined) return { directory, key }
  if (known && lock?.startsWith('/') === true && id === undefined) return { directory, key, lock }
  if (known && lock?.startsWith('/') === true && id?.startsWith('/') === true) return { directory, key, lock, id }
  throw new TlxcError('TEMPLATE', `cannot use what the template asked for: "${text.slice(0, 80).trim()}" is not "DIRECTORY KEY"`, { hint: 'correct the template: see the head of templates/lib.sh' })
}

/** The first base of these keys that there is. Whoever is going to use it holds the pool's lock, and holdEntries() if that takes time. */
export function findBase(host: Host, lxcpath: string, ...keys: readonly string[]): Base | null {
  for (const key of keys) {
    const base = readBase(host, baseFile(lxcpath, key))
    if (base !== null && base.key === key && host.fs.existsSync(`${poolDir(lxcpath)}/${base.layer}`)) return base
  }
  return null
}

/** Makes a base; the caller holds a lock on what it is made of. It is on the disk before it can be found, and referred to before the claim goes. */
export async function makeBase(host: Host, lxcpath: string, { source, by, parent = null, fill, made }: BaseContent): Promise<Base> {
  return withEntries(host, lxcpath, async (entries) => {
    const layer = entries.layer()
    const { pool } = entries
    const { key, opaques = [] } = await fill(`${pool}/${layer}`)
    writeLayerMeta(host, pool, layer, { parent, created: host.now(), by, base: true })
    // Among what is known of the layer, so that what a killed command left goes with it.
    const unnamed = `${pool}/meta/${layer}.base`
    host.fs.writeFileSync(unnamed, `${JSON.stringify({ version: 1, layer, directory: source, key, opaques } satisfies Stored)}\n`, { mode: 0o600 })
    // Or a power cut would leave a base whose files are empty, and every container made from then on.
    await runStorage(host, [{ op: 'sync', path: pool }])
    host.fs.mkdirSync(`${pool}/base`, { recursive: true, mode: 0o700 })
    host.fs.renameSync(unnamed, baseFile(lxcpath, key))
    made?.(layer)
    return { layer, opaques }
  })
}

/** Whether the tree is still there, and what the key names. */
export function isCurrent(host: Host, { directory, key, id }: LayerRequest): boolean {
  if (!host.fs.existsSync(directory)) return false
  return id === undefined || (host.fs.existsSync(id) && key.endsWith(`-${host.fs.readFileSync(id, 'utf8').trim()}`))
}

/** A base that is a copy of a finished tree. Throws TlxcError STORAGE, too, when another one took its place before it was copied. */
export function treeBase(host: Host, request: LayerRequest): BaseContent {
  const { directory, key, lock } = request
  return {
    source: directory,
    by: `template ${key}`,
    fill: async (target) => {
      await copyTree(host, directory, target, lock)
      // No content comes back: what is current afterwards was so all the time.
      if (!isCurrent(host, request)) throw new TlxcError('STORAGE', `cannot use "${directory}": it was replaced while a container was made of it`, { hint: 'try again' })
      return { key }
    },
  }
}

/**
 * Forgets bases whose source is no longer in any cache, or has another content by now; collection then gets the layers that no container
 * uses. True: there were some.
 */
export function forgetOldBases(host: Host, lxcpath: string): boolean {
  const names = basesOf(host, lxcpath)
  const newest = new Map<string, string>()
  for (const { name, base } of names) {
    const source = base === null ? undefined : host.fs.statSync(base.directory, { throwIfNoEntry: false })
    // A tree may be replaced by a newer one; a file, a blob of an image, is named by its content, and several layers may be made of it.
    if (base !== null && source !== undefined) newest.set(source.isDirectory() ? base.directory : name, name)
  }
  const kept = new Set(newest.values())
  const old = names.filter(({ name }) => !kept.has(name))
  for (const { name } of old) host.fs.rmSync(`${poolDir(lxcpath)}/base/${name}`, { force: true })
  return old.length > 0
}

/** In the order in which they were made. */
function basesOf(host: Host, lxcpath: string): { name: string; base: Stored | null; time: number }[] {
  const directory = `${poolDir(lxcpath)}/base`
  if (!host.fs.existsSync(directory)) return []
  return host.fs
    .readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({ name, base: readBase(host, `${directory}/${name}`), time: host.fs.statSync(`${directory}/${name}`, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => a.time - b.time)
}

/** Name of the lock of a key, below the locks of an lxcpath. */
export function baseLockName(key: string): string {
  return `.base-${sha256Hex(key).slice(0, 16)}`
}

function baseFile(lxcpath: string, key: string): string {
  return `${poolDir(lxcpath)}/base/${sha256Hex(key).slice(0, 32)}.json`
}

/** null: none, or damaged; then it is made again. */
function readBase(host: Host, file: string): Stored | null {
  try {
    const value = JSON.parse(host.fs.readFileSync(file, 'utf8')) as Partial<Stored> | null
    if (value?.version !== 1 || typeof value.layer !== 'string' || typeof value.directory !== 'string' || typeof value.key !== 'string') return null
    return { version: 1, layer: value.layer, directory: value.directory, key: value.key, opaques: value.opaques ?? [] }
  } catch {
    return null
  }
}
