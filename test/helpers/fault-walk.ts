/**
 * Walks through every call of a command that changes something: killed there, killed alone while its helpers go on, failed there, the power
 * cut there. After each, the next command must find everything as before or as after, and nothing else.
 */
import type { Call, Lane } from './fault-lane.ts'
import { differences, type StorageState } from './storage-state.ts'

export interface Operation {
  name: string
  /** Saved disk that it begins with. */
  from: string
  command: readonly string[] | ((lane: Lane) => readonly string[])
  /** Commands before it, at each point: to mount what would be mounted. */
  warm?: readonly (readonly string[])[]
  /** What a person would do next; it may fail, but the storage is right after it. */
  next: readonly (readonly string[])[]
  /** Its files are the same afterwards. */
  same?: boolean
  /** After a sudden end runs it once more at the very end: with whatever the first one left for others, it gives what it would have given. */
  again?: boolean
}

export type Mode = 'kill' | 'kill-root' | 'fail' | 'full' | 'cut' | 'cut-commit'
export const MODES: readonly Mode[] = ['kill', 'kill-root', 'fail', 'full', 'cut', 'cut-commit']

/** The check of the whole storage, which mends what it finds. */
const CHECK = ['tlxc-checkconfig', '--storage']

export interface Walk {
  operation: string
  mode: Mode
  points: number
  problems: string[]
  ms: number
}

export interface Ends {
  before: StorageState
  after: StorageState
  calls: Call[]
}

/** Runs it once without a fault. Throws when that fails, or when it changes nothing. */
export async function learn(lane: Lane, operation: Operation): Promise<Ends> {
  await begin(lane, operation)
  const before = await lane.state()
  const { result, calls } = await lane.fault([], commandOf(lane, operation))
  if (result.code !== 0) throw new Error(`${operation.name} ended with ${result.code}:\n${result.stderr}`)
  const after = await lane.state()
  const leaks = [...before.leaks.map((leak) => `before: ${leak}`), ...after.leaks]
  if (differences(before, after).length === 0 && operation.same !== true) throw new Error(`${operation.name} changed nothing`)
  if (leaks.length > 0) throw new Error(`${operation.name} leaks without any fault:\n${leaks.join('\n')}`)
  return { before, after, calls }
}

export async function walk(lane: Lane, operation: Operation, ends: Ends, mode: Mode): Promise<Walk> {
  const started = performance.now()
  const problems: string[] = []
  const points = mode === 'cut' || mode === 'cut-commit' ? await walkCuts(lane, operation, ends, mode, problems) : await walkFaults(lane, operation, ends, mode, problems)
  lane.off()
  return { operation: operation.name, mode, points, problems, ms: Math.round(performance.now() - started) }
}

export function commandOf(lane: Lane, { command }: Operation): readonly string[] {
  return typeof command === 'function' ? command(lane) : command
}

async function begin(lane: Lane, { from, warm = [] }: Operation): Promise<void> {
  lane.load(from)
  for (const command of warm) await lane.must(...command)
}

async function walkFaults(lane: Lane, operation: Operation, ends: Ends, mode: Mode, problems: string[]): Promise<number> {
  let points = 0
  for (let n = 1; ; n++) {
    const expected = ends.calls[n - 1]
    if (expected && (!isFor(expected, mode) || isKnown(ends.calls, n, mode) || !isTurn(n, mode))) continue
    await begin(lane, operation)
    const { result, calls } = await lane.fault(faultOptions(mode, n, expected), commandOf(lane, operation))
    const where = describe(operation, mode, n, calls[n - 1])
    // The walk ends where the command does, not where it ended at first.
    if (calls.length < n) return points
    points++
    if (mode === 'fail' || mode === 'full') problems.push(...honest(result).map((problem) => `${where}: ${problem}`))
    await judge(lane, operation, ends, { where, problems, done: result.code === 0, isKilled: mode.startsWith('kill'), isSudden: mode.startsWith('kill') })
  }
}

/** FAULT_STEP=1 walks every point, which takes most of an hour (npm run test:faults); otherwise one in so many, other ones in each mode. */
const STEP = Number(process.env['FAULT_STEP'] ?? 16)

export function isTurn(n: number, mode: Mode): boolean {
  return n % STEP === (MODES.indexOf(mode) * 5) % STEP
}

export function isFor(call: Call, mode: Mode): boolean {
  if (mode === 'kill-root') return !call.root
  if (mode === 'full') return call.space
  return true
}

const SYNCS = new Set(['fsync', 'fdatasync', 'syncfs', 'sync_file_range'])

/** Nothing on the disk differs from the point before, which has been walked: the call between failed or only synced, or the same helper goes on. */
export function isKnown(calls: readonly Call[], n: number, mode: Mode): boolean {
  const [previous, call] = [calls[n - 2], calls[n - 1]]
  if (mode === 'kill-root') return previous?.pid === call?.pid
  return mode === 'kill' && previous !== undefined && ((previous.result ?? 0) < 0 || SYNCS.has(previous.call))
}

/** fail: that call alone, so that the undo works; what needs room finds the disk full for a moment. full: the undo finds no room either. */
export function faultOptions(mode: Mode, n: number, call: Call | undefined): string[] {
  switch (mode) {
    case 'full':
      return ['--fail-from', `${n}:ENOSPC`]
    case 'fail':
      return ['--fail', `${n}:${call?.space === true ? 'ENOSPC' : 'EIO'}`]
    default:
      return [`--${mode}`, String(n)]
  }
}

async function walkCuts(lane: Lane, operation: Operation, ends: Ends, mode: Mode, problems: string[]): Promise<number> {
  await begin(lane, operation)
  const { calls, images } = await lane.cut(commandOf(lane, operation), { commit: mode === 'cut-commit' })
  for (const [n, image] of images) {
    // The call before failed: the disk is as it was there.
    if (images.has(n - 1) && (calls[n - 2]?.result ?? 0) < 0) continue
    if (!isTurn(n, mode)) continue
    lane.boot(image)
    await judge(lane, operation, ends, { where: describe(operation, mode, n, calls[n - 1]), problems, done: false, isKilled: true })
  }
  return images.size
}

interface Point {
  where: string
  problems: string[]
  /** The command said that it succeeded. */
  done: boolean
  /** A command that failed has cleaned up by itself; only after a sudden end the next one has to. */
  isKilled: boolean
  /** It came to no end of its own. */
  isSudden?: boolean
}

/** The storage after a fault and what people do then: another command, which finishes or undoes it, and the check, which leaves nothing behind. */
export async function judge(lane: Lane, operation: Operation, ends: Ends, { where, problems, done, isKilled, isSudden = false }: Point): Promise<void> {
  if (operation.next.length > 0 && isKilled) {
    for (const next of operation.next) await lane.tlxc(next)
    problems.push(...unlike(ends, await lane.state(), done).map((problem) => `${where}, next command: ${problem}`))
  }
  const check = await lane.tlxc(CHECK)
  if (check.code !== 0) problems.push(`${where}: the check ended with ${check.code ?? check.signal}: ${(check.stdout + check.stderr).trim()}`)
  const state = await lane.state()
  problems.push(...unlike(ends, state, done).map((problem) => `${where}: ${problem}`), ...state.leaks.map((leak) => `${where}: ${leak}`))
  if (operation.again !== true || !isSudden) return
  await lane.tlxc(commandOf(lane, operation))
  problems.push(...differences(ends.after, await lane.state()).slice(0, 3).map((problem) => `${where}, once more: ${problem}`))
}

function unlike({ before, after }: Ends, state: StorageState, done: boolean): string[] {
  const fromAfter = differences(after, state)
  if (fromAfter.length === 0) return []
  if (done) return [`it said that it was done, but: ${fromAfter.slice(0, 3).join(' | ')}`]
  const fromBefore = differences(before, state)
  if (fromBefore.length === 0) return []
  const [which, nearest] = fromBefore.length < fromAfter.length ? ['before', fromBefore] : ['after', fromAfter]
  return [`neither as before nor as after; unlike ${which}: ${nearest.slice(0, 3).join(' | ')}`]
}

/** An error is told in words, and no stack. */
export function honest({ code, stdout, stderr }: { code: number | null; stdout: string; stderr: string }): string[] {
  if (code === 0) return []
  if (/^\s+at .*:\d+/m.test(stderr)) return [`a stack instead of an error: ${stderr.slice(0, 200)}`]
  // What the check finds is what it was asked for.
  return stderr.trim() === '' && !/^error: /m.test(stdout) ? ['it failed without a word'] : []
}

export function describe({ name }: Operation, mode: Mode, n: number, call: Call | undefined): string {
  const what = call ? ` ${call.comm}: ${call.call} ${call.paths.map((path) => path.replace(/^.*\/lxc\//, '')).join(' → ')}` : ''
  return `${name}, ${mode} ${n}${what}`
}
