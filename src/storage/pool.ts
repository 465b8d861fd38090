/**
 * The pool: LXCPATH/.pool, 0700 because set-uid files of a container are set-uid on the disk. In it, each in a directory of its own:
 *
 *     lXXXXX          a layer: an immutable tree, as overlayfs reads a lower one
 *     uXXXXX/up, wk   an upper: what one container writes, and overlayfs's work directory
 *     tXXXXX          something that is being made
 *     meta/           what is known of them: NAME.json, NAME.files, and NAME.claim while somebody makes NAME
 *     base/, hold/    what keeps layers although no container has them: base.ts, hold.ts
 *
 * Six characters, because 500 lower directories must fit into the one page of options that mount(2) takes.
 */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { processStart } from '../host/process-start.ts'
import { randomBytes } from '../random.ts'

export type EntryKind = 'layer' | 'upper' | 'temporary'

const LETTER: Readonly<Record<EntryKind, string>> = { layer: 'l', upper: 'u', temporary: 't' }
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'
const NAME = /^([lut])[a-z0-9]{5}$/

export function poolDir(lxcpath: string): string {
  return `${lxcpath === '/' ? '' : lxcpath}/.pool`
}

/** What a name in the pool is; null for anything else. Not "lowers", the word of storage.json. */
export function kindOf(name: string): EntryKind | null {
  if (name === 'lowers') return null
  const letter = NAME.exec(name)?.[1]
  return letter === 'l' ? 'layer' : letter === 'u' ? 'upper' : letter === 't' ? 'temporary' : null
}

/** Makes the pool where it is missing. Throws TlxcError STORAGE when something else is in its place. */
export function openPool(host: Host, lxcpath: string): string {
  const pool = poolDir(lxcpath)
  for (const directory of [pool, `${pool}/meta`]) {
    try {
      host.fs.mkdirSync(directory, { mode: 0o700 })
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
      requireClosed(host, directory)
    }
  }
  return pool
}

/** In a directory that others may write to (-P) it could be a link to anywhere, or somebody else's. */
function requireClosed(host: Host, directory: string): void {
  const found = host.fs.lstatSync(directory)
  if (!found.isDirectory() || found.uid !== host.uid) {
    throw new TlxcError('STORAGE', `cannot use "${directory}": it is not a directory of this user`, { hint: 'move it away' })
  }
  if ((found.mode & 0o77) !== 0) host.fs.chmodSync(directory, 0o700)
}

/** Pool that the container or snapshot in `directory` uses: that of the next directory above which has one. */
export function poolAbove(host: Host, directory: string): string {
  let above = directory
  // LXCPATH/NAME, LXCPATH/.trash/NAME, LXCPATH/NAME/snaps/SNAP
  for (let level = 0; level < 3; level++) {
    above = above.slice(0, above.lastIndexOf('/'))
    if (host.fs.existsSync(poolDir(above))) return poolDir(above)
  }
  throw new TlxcError('STORAGE', `cannot find the layers of "${directory}": there is no .pool above it`, {
    hint: 'copy containers with tlxc-copy or tlxc-export; their layers lie in LXCPATH/.pool',
  })
}

/** Every entry of the pool, sorted. */
export function poolEntries(host: Host, pool: string): string[] {
  return host.fs.readdirSync(pool).filter((name) => kindOf(name) !== null).sort()
}

/** Who makes an entry; what the claim file holds. */
interface Claim {
  pid: number
  /** As of processStart. */
  start: number
  /** A running snapshot reads an upper: no deletion may slow the disk down meanwhile. */
  live: boolean
}

/**
 * A free name that nobody else takes. As long as the claim is there and its process lives, collection leaves the entry alone, although
 * nothing refers to it yet. Give it back with release() when something does.
 */
export function claim(host: Host, pool: string, kind: EntryKind, { live = false } = {}): string {
  const text = JSON.stringify({ pid: host.pid, start: processStart(host.fs, '/proc', host.pid) ?? 0, live } satisfies Claim)
  for (;;) {
    const name = LETTER[kind] + Array.from(randomBytes(5), (byte) => ALPHABET[byte % ALPHABET.length]).join('')
    if (kindOf(name) === null || host.fs.existsSync(`${pool}/${name}`)) continue
    try {
      host.fs.writeFileSync(claimFile(pool, name), text, { flag: 'wx', mode: 0o600 })
      return name
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') continue
      // An empty claim of a full disk would be nobody's.
      host.fs.rmSync(claimFile(pool, name), { force: true })
      throw error
    }
  }
}

export function release(host: Host, pool: string, ...names: string[]): void {
  for (const name of names) host.fs.rmSync(claimFile(pool, name), { force: true })
}

export interface Claims {
  /** Names that a living process is making. */
  alive: ReadonlySet<string>
  /** Claims of the dead. */
  dead: readonly string[]
  /** One of the living is a running snapshot. */
  live: boolean
}

export function readClaims(host: Host, pool: string): Claims {
  const alive = new Set<string>()
  const dead: string[] = []
  let live = false
  for (const file of host.fs.readdirSync(`${pool}/meta`)) {
    const name = file.endsWith('.claim') ? file.slice(0, -'.claim'.length) : ''
    if (kindOf(name) === null) continue
    const found = readClaim(host, `${pool}/meta/${file}`)
    if (found === null || processStart(host.fs, '/proc', found.pid) !== found.start) dead.push(name)
    else {
      alive.add(name)
      live ||= found.live
    }
  }
  return { alive, dead, live }
}

/** null: it is gone, or a power cut left nothing in it. */
function readClaim(host: Host, file: string): Claim | null {
  try {
    const value = JSON.parse(host.fs.readFileSync(file, 'utf8')) as Partial<Claim> | null
    if (typeof value?.pid !== 'number' || typeof value.start !== 'number') return null
    return { pid: value.pid, start: value.start, live: value.live === true }
  } catch (error) {
    if (errnoOf(error) !== undefined && errnoOf(error) !== 'ENOENT') throw error
    return null
  }
}

function claimFile(pool: string, name: string): string {
  return `${pool}/meta/${name}.claim`
}

export interface LayerMeta {
  /** The layer below when it was made; null: a base. */
  parent: string | null
  /** Milliseconds since the epoch. */
  created: number
  /** For people: "create of web", "snapshot snap0 of web". */
  by: string
  /** What it is called in archives, when it came in one: it may have another name there, and where it was made. */
  identity?: string
  /** Made of what a template keeps, for every container that starts from it: merging layers leaves it alone. */
  base?: boolean
}

/** The same on every machine that a layer was copied to, and of no other layer; null when nothing is known of it. */
export function layerIdentity(host: Host, pool: string, name: string): string | null {
  const meta = readLayerMeta(host, pool, name)
  return meta === null ? null : (meta.identity ?? `${name}-${meta.created}`)
}

/** Durably: archives are told apart by it, and the base of a stack is. No rename, because nobody reads it before the layer is referred to. */
export function writeLayerMeta(host: Host, pool: string, name: string, meta: LayerMeta): void {
  const fd = host.fs.openSync(`${pool}/meta/${name}.json`, 'w', 0o600)
  try {
    host.fs.writeFileSync(fd, `${JSON.stringify({ version: 1, id: name, ...meta })}\n`)
    host.fs.fsyncSync(fd)
  } finally {
    host.fs.closeSync(fd)
  }
}

/** null when it is not there, or a power cut damaged it. */
export function readLayerMeta(host: Host, pool: string, name: string): LayerMeta | null {
  try {
    return JSON.parse(host.fs.readFileSync(`${pool}/meta/${name}.json`, 'utf8')) as LayerMeta
  } catch (error) {
    if (errnoOf(error) !== undefined && errnoOf(error) !== 'ENOENT') throw error
    return null
  }
}

/** Manifest of a running snapshot's layer, written by livesnap. */
export function manifestFile(pool: string, layer: string): string {
  return `${pool}/meta/${layer}.files`
}

/** Forgets what meta/ knows of an entry that is gone. */
export function forgetEntry(host: Host, pool: string, name: string): void {
  for (const suffix of ['json', 'files', 'base', 'claim']) host.fs.rmSync(`${pool}/meta/${name}.${suffix}`, { force: true })
}
