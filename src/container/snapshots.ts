/** Snapshots on disk: LXCPATH/NAME/snaps/SNAP/{config,ts,comment}, as LXC has them, and storage.json or rootfs. */
import { closest } from '../config/closest.ts'
import { naturalOrder } from '../config/natural-order.ts'
import { parseTimestamp } from '../config/timestamp.ts'
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { readSnapshotStack, type SnapshotStack } from '../storage/stack.ts'
import { nameProblem, type Container } from './store.ts'

export interface Snapshot {
  name: string
  /** LXCPATH/NAME/snaps */
  parentDirectory: string
  /** LXCPATH/NAME/snaps/SNAP */
  directory: string
  /** Text of its file ts: YYYY:MM:DD HH:MM:SS, local time; '' when it has none. */
  timestamp: string
  /** Milliseconds since the epoch, as near as is known. */
  created: number
  comment: string | null
  /** null: it is a plain copy. */
  stack: SnapshotStack | null
}

export function snapshotsDir({ dir }: Pick<Container, 'dir'>): string {
  return `${dir}/snaps`
}

/** By number, others after them by name; [] when there are none. */
export function listSnapshots(host: Host, container: Container): Snapshot[] {
  return snapshotNames(host, container).map((name) => readSnapshot(host, container, name))
}

export function snapshotNames(host: Host, container: Container): string[] {
  try {
    return host.fs.readdirSync(snapshotsDir(container)).filter((name) => !name.startsWith('.')).sort(naturalOrder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return []
    throw error
  }
}

/** Throws TlxcError NOT_DEFINED that lists what there is, and the nearest name first; one snapN is no slip for another. */
export function findSnapshot(host: Host, container: Container, name: string): Snapshot {
  const names = snapshotNames(host, container)
  if (names.includes(name)) return readSnapshot(host, container, name)
  const meant = /^snap\d+$/.test(name) ? undefined : closest(name, names)
  const list = `there are: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`
  const hint = names.length === 0 ? `take one: tlxc-snapshot ${container.name}` : `${meant === undefined ? '' : `did you mean ${meant}? `}${list}`
  throw new TlxcError('NOT_DEFINED', `cannot find snapshot "${name}" of "${container.name}": there is none of that name`, { hint })
}

/** snapN with the lowest free N, as LXC chooses. */
export function freeSnapshotName(host: Host, container: Container): string {
  const taken = new Set(snapshotNames(host, container))
  let n = 0
  while (taken.has(`snap${n}`)) n++
  return `snap${n}`
}

/** Throws TlxcError NAME, EXISTS. */
export function requireFreeName(host: Host, container: Container, name: string): void {
  const problem = name === 'ALL' ? 'it stands for all of them' : nameProblem(name)
  if (problem !== null) throw new TlxcError('NAME', `cannot use "${name}" as the name of a snapshot: ${problem}`, { hint: 'give another one, such as before-upgrade' })
  if (!snapshotNames(host, container).includes(name)) return
  throw new TlxcError('EXISTS', `cannot take snapshot "${name}" of "${container.name}": it exists`, { hint: `destroy it first: tlxc-snapshot ${container.name} -d ${name}` })
}

function readSnapshot(host: Host, container: Container, name: string): Snapshot {
  const parentDirectory = snapshotsDir(container)
  const directory = `${parentDirectory}/${name}`
  const timestamp = (readText(host, `${directory}/ts`) ?? '').trim()
  const stack = readSnapshotStack(host, directory)
  return { name, parentDirectory, directory, timestamp, created: stack?.created ?? parseTimestamp(timestamp), comment: readText(host, `${directory}/comment`), stack }
}

function readText(host: Host, file: string): string | null {
  try {
    return host.fs.readFileSync(file, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null
    throw error
  }
}
