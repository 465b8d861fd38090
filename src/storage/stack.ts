/**
 * What a layered container or snapshot consists of: storage.json beside its configuration. This is the only truth; /proc/mounts shows
 * relative names from which nothing can be reconstructed.
 */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { kindOf } from './pool.ts'

/** overlayfs takes no more (OVL_MAX_STACK). */
export const MAX_LOWERS = 500

/** The newest running snapshot of the present upper: what the next one may be a difference to. */
export interface RunningBase {
  /** Layers above the stack's own lowers, top first. */
  layers: readonly string[]
}

/** What a restore put aside, until the next one, or a prune. */
export interface Aside {
  /** Milliseconds since the epoch. */
  at: number
  /** The snapshot that was restored. */
  restored: string
  upper: string
  lowers: readonly string[]
  based: string | null
  /** Text of the configuration. */
  config: string
}

export interface Stack {
  readonly version: 1
  readonly type: 'overlay'
  /** Name of the upper in the pool. */
  readonly upper: string
  /** Names of the layers below it, top first. */
  readonly lowers: readonly string[]
  /** The snapshot that the upper sits on; null: none. */
  readonly based: string | null
  readonly running: RunningBase | null
  readonly aside: Aside | null
  /** While it runs, what it writes is on a tmpfs, and gone afterwards; the upper on disk holds what it began with. */
  readonly memory?: true
}

export interface SnapshotStack {
  readonly version: 1
  readonly type: 'overlay'
  readonly lowers: readonly string[]
  /** The snapshot that the container sat on when this one was taken. */
  readonly parent: string | null
  /** Milliseconds since the epoch. */
  readonly created: number
  /** Taken while it ran: how long it was frozen, microseconds; null: it was stopped. */
  readonly frozenUs: number | null
}

export function stackFile(directory: string): string {
  return `${directory}/storage.json`
}

export function encodeStack(stack: Stack | SnapshotStack): string {
  return `${JSON.stringify(stack, null, 1)}\n`
}

/** null: it is not layered. Throws TlxcError STORAGE for a damaged file: nothing may be guessed here. */
export function readStack(host: Host, directory: string): Stack | null {
  const text = readText(host, stackFile(directory))
  return text === null ? null : decodeStack(text, stackFile(directory))
}

export function readSnapshotStack(host: Host, directory: string): SnapshotStack | null {
  const text = readText(host, stackFile(directory))
  return text === null ? null : decodeSnapshotStack(text, stackFile(directory))
}

/** Names come from a file: what is not exactly a name of the pool could lead out of it. */
export function decodeStack(text: string, file: string): Stack {
  const value = parse(text, file)
  const { upper, lowers, based, running, aside, memory } = value
  const whole = isUpper(upper) && isLowers(lowers) && isText(based) && isRunning(running) && isAside(aside)
  if (!whole) throw damaged(file, 'it is no storage of a container')
  return { version: 1, type: 'overlay', upper, lowers, based, running, aside, ...(memory === true ? { memory } : {}) }
}

export function decodeSnapshotStack(text: string, file: string): SnapshotStack {
  const { lowers, parent, created, frozenUs } = parse(text, file)
  const whole = isLowers(lowers) && isText(parent) && typeof created === 'number' && (frozenUs === null || typeof frozenUs === 'number')
  if (!whole) throw damaged(file, 'it is no storage of a snapshot')
  return { version: 1, type: 'overlay', lowers, parent, created, frozenUs }
}

/** Every name of the pool in the text of a storage.json or journal: what it keeps alive. Its own words are none: "lowers" looks like one. */
export function namesIn(text: string): string[] {
  return [...text.matchAll(/\b[lut][a-z0-9]{5}\b/g)].map(([name]) => name).filter((name) => name !== 'lowers')
}

function readText(host: Host, file: string): string | null {
  try {
    return host.fs.readFileSync(file, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null
    throw error
  }
}

function parse(text: string, file: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw damaged(file, 'it is no JSON', error)
  }
  if (typeof value !== 'object' || value === null) throw damaged(file, 'it is no object')
  const { version, type } = value as Record<string, unknown>
  if (version !== 1 || type !== 'overlay') throw damaged(file, 'another version of tlxc wrote it')
  return value as Record<string, unknown>
}

function damaged(file: string, reason: string, cause?: unknown): TlxcError {
  return new TlxcError('STORAGE', `cannot use "${file}": ${reason}`, { cause, hint: 'restore the file from a backup; tlxc-checkconfig --storage shows what is there' })
}

function isUpper(value: unknown): value is string {
  return typeof value === 'string' && kindOf(value) === 'upper'
}

function isLayers(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= MAX_LOWERS && value.every((name) => typeof name === 'string' && kindOf(name) === 'layer')
}

function isLowers(value: unknown): value is string[] {
  return isLayers(value) && value.length > 0
}

function isText(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

function isRunning(value: unknown): value is RunningBase | null {
  if (value === null) return true
  return isLowers((Object(value) as Record<string, unknown>).layers)
}

function isAside(value: unknown): value is Aside | null {
  if (value === null) return true
  const { at, restored, upper, lowers, based, config } = Object(value) as Record<string, unknown>
  return typeof at === 'number' && typeof restored === 'string' && isUpper(upper) && isLowers(lowers) && isText(based) && typeof config === 'string'
}
