/**
 * What nothing refers to goes. There are no counters that could be wrong: everything that may refer to an entry of the pool is read, and
 * what is named nowhere, and is not being made by a living process, is collected. Whoever adds a reference to an entry that exists
 * holds the pool's lock, and so does who calls unreferenced().
 */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { readHolds } from './hold.ts'
import { journalFile } from './journal.ts'
import { ourMountPoints } from './mounts.ts'
import { forgetEntry, poolDir, poolEntries, readClaims } from './pool.ts'
import { decodeSnapshotStack, decodeStack, namesIn, stackFile } from './stack.ts'
import { removeTree } from './trash.ts'
import { viewOf } from './view.ts'

/** One file that keeps entries alive. */
export interface Reference {
  file: string
  names: readonly string[]
}

/** Everything that refers to entries of the pool. Throws TlxcError STORAGE for a damaged file: what it named is unknown, so nothing may go. */
export function references(host: Host, lxcpath: string): Reference[] {
  const found: Reference[] = []
  for (const directory of holders(host, lxcpath)) {
    const inTrash = directory.startsWith(`${lxcpath}/.trash/`)
    if (!inTrash) requireStackFile(host, directory)
    add(host, found, stackFile(directory), inTrash ? decodeAny : (text, file) => void decodeStack(text, file))
    add(host, found, journalFile(directory))
    for (const snapshot of list(host, `${directory}/snaps`)) {
      add(host, found, stackFile(`${directory}/snaps/${snapshot}`), (text, file) => void decodeSnapshotStack(text, file))
    }
  }
  found.push(...readHolds(host, poolDir(lxcpath)))
  for (const base of list(host, `${poolDir(lxcpath)}/base`)) add(host, found, `${poolDir(lxcpath)}/base/${base}`)
  return found
}

/** A container that has snapshots of layers, or whose files are shown, has layers: without the file that names them they would be taken for nobody's. */
function requireStackFile(host: Host, directory: string): void {
  const exists = (name: string): boolean => host.fs.existsSync(`${directory}/${name}`)
  if (exists('storage.json') || !exists('config') || exists('partial')) return
  const layered = list(host, `${directory}/snaps`).some((name) => !name.startsWith('.') && exists(`snaps/${name}/storage.json`)) || ourMountPoints(host).includes(viewOf(directory))
  // Once more: it may just have been made, or be gone.
  if (!layered || exists('storage.json') || !exists('config')) return
  throw new TlxcError('STORAGE', `cannot tell which layers "${directory}" has: its storage.json is gone`, { hint: 'restore the file from a backup; nothing is removed until then' })
}

/** Snapshots go through the trash as well. */
function decodeAny(text: string, file: string): void {
  try {
    decodeStack(text, file)
  } catch {
    decodeSnapshotStack(text, file)
  }
}

/** Directories that may have storage: containers, and what is in the trash. */
function holders(host: Host, lxcpath: string): string[] {
  const containers = list(host, lxcpath).filter((name) => !name.startsWith('.'))
  return [...containers.map((name) => `${lxcpath}/${name}`), ...list(host, `${lxcpath}/.trash`).map((name) => `${lxcpath}/.trash/${name}`)]
}

function add(host: Host, found: Reference[], file: string, check: (text: string, file: string) => void = () => undefined): void {
  let text: string
  try {
    text = host.fs.readFileSync(file, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return
    throw new TlxcError('STORAGE', `cannot read "${file}": ${errnoOf(error) ?? 'it failed'}`, { cause: error, hint: 'nothing is removed as long as it cannot be read' })
  }
  check(text, file)
  found.push({ file, names: namesIn(text) })
}

/** Entries that nobody needs. The caller holds the pool's lock. */
export function unreferenced(host: Host, lxcpath: string): string[] {
  const pool = poolDir(lxcpath)
  if (!host.fs.existsSync(pool)) return []
  // Entries and claims first: what is committed meanwhile has its reference when they are read.
  const entries = poolEntries(host, pool)
  const { alive } = readClaims(host, pool)
  const referenced = new Set(references(host, lxcpath).flatMap(({ names }) => names))
  return entries.filter((name) => !alive.has(name) && !referenced.has(name))
}

/**
 * Removes entries that unreferenced() told; no lock is needed: nothing can refer to them again. Nothing is removed while a running
 * snapshot is taken in this pool, because deletions slow its disk down; the next collection gets them.
 */
export async function removeEntries(host: Host, lxcpath: string, names: readonly string[]): Promise<boolean> {
  const pool = poolDir(lxcpath)
  if (names.length === 0) return true
  if (readClaims(host, pool).live) return false
  for (const name of names) {
    await removeTree(host, `${pool}/${name}`)
    forgetEntry(host, pool, name)
  }
  return true
}

/** Names of which meta/ knows something although there is no such entry, and nobody is making one. */
export function strayMetadata(host: Host, pool: string): string[] {
  const known = new Set(host.fs.readdirSync(`${pool}/meta`).map((file) => file.split('.')[0] ?? ''))
  const { alive } = readClaims(host, pool)
  const entries = new Set(poolEntries(host, pool))
  return [...known].filter((name) => !entries.has(name) && !alive.has(name))
}

function list(host: Host, directory: string): string[] {
  try {
    return host.fs.readdirSync(directory)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return []
    throw error
  }
}
