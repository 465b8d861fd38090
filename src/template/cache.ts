/**
 * What templates keep below the cache directory, in the layout of templates/lib/cache.sh: TEMPLATE/KEY/ is a finished entry with its `origin`,
 * .lock.KEY its lock, .part.KEY half a download, blobs what OCI images share, work.* and trash.* what is being built or removed.
 */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'

export interface CacheEntry {
  readonly template: string
  readonly name: string
  readonly path: string
  /** image: a finished entry; part: half a download; blobs: layers that images share. */
  readonly kind: 'image' | 'part' | 'blobs'
  /** Where it came from; null when the template did not say. */
  readonly source: string | null
  /** Seconds since 1970. */
  readonly created: number
  readonly expires: number | null
  /** Which build of the source. */
  readonly build: string | null
  /** On the disk. */
  readonly bytes: number
  /** Options with which its template makes it again; empty: it did not say. */
  readonly args: readonly string[]
}

const NO_ENTRY = /^(?:work|trash)\.|^layout$/

/** All entries, or those of one template, sorted. Only root sees any. Throws TlxcError PRIVILEGE, EXEC. */
export async function listCache(host: Host, template?: string): Promise<CacheEntry[]> {
  const found = (template === undefined ? namesIn(host, host.paths.cache) : [template]).flatMap((name) => entriesOf(host, name))
  const sizes = await sizesOf(host, found.map(({ path }) => path))
  return found.map((entry, at) => ({ ...entry, bytes: sizes[at] ?? 0 }))
}

/** Removes entries; a create that uses one is waited for. Blobs go when no entry is left that names them. Throws TlxcError BUSY, IO. */
export async function flushCache(host: Host, entries: readonly CacheEntry[], lockTimeoutMs: number): Promise<void> {
  for (const entry of entries) {
    const { template, name, kind, path } = entry
    // First who builds beside an entry: it would come back, and half a download is in use.
    const names = kind === 'blobs' ? [name] : [`${name}~new`, name]
    const locks = names.map((lock) => `${host.paths.cache}/${template}/.lock.${lock}`)
    await withLocks(host, locks, lockTimeoutMs, path, () => discard(host, entry))
  }
  for (const template of new Set(entries.map((entry) => entry.template))) await sweepBlobs(host, template, lockTimeoutMs)
}

/** What "origin" says: "name=value" lines; a name may come again. */
export function parseOrigin(text: string): { get(name: string): string | null; all(name: string): string[] } {
  const pairs = text.split('\n').flatMap((line) => {
    const at = line.indexOf('=')
    return at <= 0 ? [] : [[line.slice(0, at), line.slice(at + 1).replace(/\p{Cc}/gu, ' ')] as const]
  })
  const all = (name: string): string[] => pairs.flatMap(([key, value]) => (key === name ? [value] : []))
  return { all, get: (name) => all(name).at(-1) ?? null }
}

function entriesOf(host: Host, template: string): CacheEntry[] {
  const directory = `${host.paths.cache}/${template}`
  return namesIn(host, directory).flatMap((file) => {
    const path = `${directory}/${file}`
    const stat = host.fs.lstatSync(path, { throwIfNoEntry: false })
    const part = /^\.part\.(.+)$/.exec(file)?.[1]
    if (!stat?.isDirectory() || NO_ENTRY.test(file) || (file.startsWith('.') && part === undefined)) return []
    const kind = part !== undefined ? ('part' as const) : file === 'blobs' ? ('blobs' as const) : ('image' as const)
    const origin = parseOrigin(read(host, `${path}/origin`))
    const created = seconds(origin.get('created')) ?? Math.floor(stat.mtimeMs / 1000)
    const told = { source: origin.get('source'), expires: seconds(origin.get('expires')), build: origin.get('build'), args: origin.all('argument') }
    return [{ template, name: part ?? file, path, kind, created, bytes: 0, ...told }]
  })
}

async function sizesOf(host: Host, paths: readonly string[]): Promise<number[]> {
  if (paths.length === 0) return []
  // Each alone: du counts what is linked twice only once, and then says nothing of a path that lies in another.
  const { stdout } = await host.exec('du', ['--summarize', '--count-links', '--one-file-system', '--block-size=1', '--null', '--', ...paths])
  const byPath = new Map(stdout.split('\0').map((line) => [line.slice(line.indexOf('\t') + 1), Number(line.slice(0, line.indexOf('\t')))]))
  return paths.map((path) => byPath.get(path) ?? 0)
}

/** Which ones is decided under the lock: a create that is waited for may name one that nobody named before. */
async function sweepBlobs(host: Host, template: string, lockTimeoutMs: number): Promise<void> {
  const directory = `${host.paths.cache}/${template}`
  const store = `${directory}/blobs/sha256`
  if (namesIn(host, store).length === 0) return
  await withLocks(host, [`${directory}/.lock.blobs`], lockTimeoutMs, store, () => {
    const used = new Set(namesIn(host, directory).flatMap((entry) => parseOrigin(read(host, `${directory}/${entry}/origin`)).all('blob')))
    for (const blob of namesIn(host, store)) if (!used.has(`sha256/${blob}`)) host.fs.rmSync(`${store}/${blob}`, { recursive: true, force: true })
    return Promise.resolve()
  })
}

/**
 * Keeps the blobs of a store from being removed until what it resolves with is called, or this process ends. Waits for who downloads to it.
 * Throws TlxcError IO.
 */
export async function holdBlobs(host: Host, store: string, signal: AbortSignal): Promise<() => Promise<void>> {
  const held = await holdLock(host, `${store.slice(0, store.lastIndexOf('/'))}/.lock.blobs`, ['--shared'], signal)
  if ('release' in held) return held.release
  throw new TlxcError('IO', `cannot lock "${store}": ${held.reason}`)
}

/** Exclusive locks, taken in this order. */
async function withLocks(host: Host, files: readonly string[], timeoutMs: number, what: string, work: () => Promise<void>): Promise<void> {
  const [file, ...others] = files
  if (file === undefined) return work()
  const held = await holdLock(host, file, ['--exclusive', '--timeout', String(timeoutMs / 1000), '--conflict-exit-code', String(CONFLICT)])
  if (!('release' in held)) {
    if (held.exitCode === CONFLICT) throw new TlxcError('BUSY', `cannot remove "${what}": a create uses it`, { hint: 'wait until that is done, or give --lock-timeout=SECONDS' })
    throw new TlxcError('IO', `cannot remove "${what}": ${held.reason}`)
  }
  try {
    await withLocks(host, others, timeoutMs, what, work)
  } finally {
    await held.release()
  }
}

const CONFLICT = 75

type Lock = { release(): Promise<void> } | { exitCode: number | null; reason: string }

/** By flock(1), which is what the templates lock with; Node has no flock(2). It goes with this process, however that ends. */
async function holdLock(host: Host, file: string, options: readonly string[], signal?: AbortSignal): Promise<Lock> {
  const flock = await host.start('flock', [...options, file, 'cat'], { stdin: 'pipe', stdout: 'pipe' })
  signal?.addEventListener('abort', flock.kill, { once: true })
  // cat says it back when it runs, and it runs when the lock is there.
  flock.stdin?.write('\n')
  const answered = new Promise<boolean>((resolve) => flock.stdout?.once('data', () => resolve(true)))
  const release = async (): Promise<void> => {
    signal?.removeEventListener('abort', flock.kill)
    flock.stdin?.end()
    await flock.done
  }
  if (await Promise.race([answered, flock.done.then(() => false)])) return { release }
  const { exitCode, stderr } = await flock.done
  return { exitCode, reason: stderr.trim() }
}

/** It loses its name before anything of it is removed: what has a name is taken for finished. Half removed, it is swept by the next create. */
async function discard(host: Host, { template, name, path }: CacheEntry): Promise<void> {
  const trash = host.fs.mkdtempSync(`${host.paths.cache}/${template}/trash.${name}.`)
  const failed = rename(host, path, `${trash}/${name}`)
  const { exitCode, stderr } = await host.exec('rm', ['-rf', '--one-file-system', '--', trash])
  const reason = failed ?? (exitCode === 0 ? null : stderr.trim())
  if (reason !== null) throw new TlxcError('IO', `cannot remove "${path}": ${reason}`)
}

/** null: it is done, or was gone since it was listed. */
function rename(host: Host, from: string, to: string): string | null {
  try {
    host.fs.renameSync(from, to)
    return null
  } catch (error) {
    const code = errnoOf(error) ?? 'it failed'
    return code === 'ENOENT' ? null : code
  }
}

function namesIn(host: Host, directory: string): string[] {
  try {
    return host.fs.readdirSync(directory).sort()
  } catch (error) {
    if (errnoOf(error) === 'EACCES') throw new TlxcError('PRIVILEGE', `cannot read "${directory}": only root can`, { hint: 'run it as root' })
    return []
  }
}

function read(host: Host, file: string): string {
  return host.fs.existsSync(file) ? host.fs.readFileSync(file, 'utf8') : ''
}

function seconds(text: string | null): number | null {
  return text !== null && /^\d{1,12}$/.test(text) ? Number(text) : null
}
