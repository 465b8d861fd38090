/**
 * Id ranges: each unprivileged container gets 65536 ids that no other container has. What is taken is read from the containers'
 * own configurations, so a destroyed container gives its range back once it is out of the trash, and a copied one counts; a lock makes choice and claim one step.
 */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { SubidRange } from '../launch/host-facts.ts'
import { keptInTrash } from '../storage/trash.ts'

/** Enough for every id that a distribution uses, nobody (65534) included. */
export const RANGE_SIZE = 65536

/** What one container gets: ids 0…count-1 inside are start… on the host. */
export interface IdClaim {
  uid: number
  gid: number
  count: number
}

export interface IdPool {
  uid: readonly SubidRange[]
  gid: readonly SubidRange[]
}

/** First start in the pool whose ids are all free, or null. Starts lie at multiples of the size from a range's beginning. */
export function pickRange(pool: readonly SubidRange[], used: readonly SubidRange[]): number | null {
  for (const range of pool) {
    for (let start = range.start; start + RANGE_SIZE <= range.start + range.count; start += RANGE_SIZE) {
      if (!used.some((other) => start < other.start + other.count && other.start < start + RANGE_SIZE)) return start
    }
  }
  return null
}

/** Host ids that a configuration's own lines map. Lines that make no sense map nothing. */
export function idsUsedBy(configText: string): IdPool {
  const uid: SubidRange[] = []
  const gid: SubidRange[] = []
  for (const [, kind, start, count] of configText.matchAll(/^[ \t]*lxc\.(?:idmap|id_map)[ \t]*=[ \t]*([ugb])[ \t]+\d+[ \t]+(\d+)[ \t]+(\d+)/gm)) {
    const range = { start: Number(start), count: Number(count) }
    if (kind !== 'g') uid.push(range)
    if (kind !== 'u') gid.push(range)
  }
  return { uid, gid }
}

/**
 * Chooses a free range and lets `write` put it into the container's configuration before anybody else may choose.
 * Throws TlxcError IDMAP when no ids are allotted or all are taken.
 */
export async function claimIdRange(host: Host, lxcpath: string, pool: IdPool, write: (claim: IdClaim) => void): Promise<IdClaim> {
  if (pool.uid.length === 0 || pool.gid.length === 0) throw noRange('root has no ids for containers in /etc/subuid and /etc/subgid')
  const lock = await host.lock(`${host.paths.run}/idranges.lock`, { timeoutMs: 60_000, purpose: 'choice of an id range' })
  try {
    const used = idsInUse(host, rememberLxcpath(host, lxcpath))
    const uid = pickRange(pool.uid, used.uid)
    const gid = pickRange(pool.gid, used.gid)
    if (uid === null || gid === null) throw noRange('every range of the pool belongs to a container')
    const claim = { uid, gid, count: RANGE_SIZE }
    write(claim)
    return claim
  } finally {
    await lock.release()
  }
}

function noRange(reason: string): TlxcError {
  return new TlxcError('IDMAP', `cannot find an id range: ${reason}`, {
    hint: 'add "root:1000000:65536000" to /etc/subuid and /etc/subgid, or create with --privileged',
  })
}

function idsInUse(host: Host, lxcpaths: readonly string[]): IdPool {
  const uid: SubidRange[] = []
  const gid: SubidRange[] = []
  for (const lxcpath of lxcpaths) {
    for (const text of configTexts(host, lxcpath)) {
      const used = idsUsedBy(text)
      uid.push(...used.uid)
      gid.push(...used.gid)
    }
  }
  return { uid, gid }
}

function configTexts(host: Host, lxcpath: string): string[] {
  // A container that is being made has its line already; what can be brought back has its ids still.
  const names = orNothing(() => host.fs.readdirSync(lxcpath)).filter((name) => !name.startsWith('.'))
  const kept = orNothing(() => keptInTrash(host, lxcpath))
  return [...names.map((name) => `${lxcpath}/${name}`), ...kept.map(({ directory }) => directory)].flatMap((directory) => configText(host, `${directory}/config`))
}

/** A configuration larger than this is none. */
const LARGEST_CONFIG = 1 << 20

/** Directories of other users count, too (-P): whatever one puts there must not hold us up. */
function configText(host: Host, file: string): string[] {
  const { O_RDONLY, O_NONBLOCK } = host.fs.constants
  return orNothing(() => {
    // Before it is opened: a device may do something when it is.
    if (!host.fs.statSync(file).isFile()) return []
    const fd = host.fs.openSync(file, O_RDONLY | O_NONBLOCK)
    try {
      const found = host.fs.fstatSync(fd)
      return found.isFile() && found.size <= LARGEST_CONFIG ? [host.fs.readFileSync(fd, 'utf8')] : []
    } finally {
      host.fs.closeSync(fd)
    }
  })
}

/** All directories that ever had an unprivileged container, and LXC's own: it draws from the same allotment. */
function rememberLxcpath(host: Host, lxcpath: string): string[] {
  const file = `${host.paths.lxcpath}/.lxcpaths`
  const known = readLines(() => host.fs.readFileSync(file, 'utf8').split('\n')).filter((path) => path !== '')
  if (!known.includes(lxcpath)) {
    const alive = known.filter((path) => host.fs.existsSync(path))
    host.fs.mkdirSync(host.paths.lxcpath, { recursive: true, mode: 0o755 })
    host.writeFileAtomic(file, [...alive, lxcpath, ''].join('\n'), 0o600)
  }
  return [...new Set([...known, lxcpath, host.paths.lxcpath, '/var/lib/lxc'])]
}

function readLines(read: () => string[]): string[] {
  try {
    return read()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errnoOf(error) ?? '')) return []
    throw error
  }
}

/** For directories of whomever: what cannot be read has nothing in it. */
function orNothing<T>(read: () => T[]): T[] {
  try {
    return read()
  } catch {
    return []
  }
}
