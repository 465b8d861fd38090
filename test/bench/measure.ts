/** Timing of whole commands, both tools in turns so that a busy moment hits both. */
import { spawnSync } from 'node:child_process'
import { readSync } from 'node:fs'

export interface Sample {
  tlxc: number
  lxc: number
}

/** Runs argv, returns milliseconds; throws when it fails, because the time of a failure says nothing. */
export function time(argv: readonly string[], env?: Record<string, string>): number {
  const [file = '', ...args] = argv
  const begin = process.hrtime.bigint()
  const result = spawnSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } })
  const ms = Number(process.hrtime.bigint() - begin) / 1e6
  if (result.status !== 0) throw new Error(`${argv.join(' ')} ended with ${result.status}: ${result.stderr.toString()}`)
  return ms
}

/** Runs a starter that leaves a daemon behind, which reports to descriptor 3, the FIFO `reports`; milliseconds until the report is there. */
export function timeReport(argv: readonly string[], reports: number): number {
  const [file = '', ...args] = argv
  const buffer = Buffer.alloc(4096)
  const begin = process.hrtime.bigint()
  spawnSync(file, args, { stdio: ['ignore', 'ignore', 'inherit', reports] })
  let report = ''
  while (!report.endsWith('\n')) report += buffer.toString('utf8', 0, readSync(reports, buffer))
  const ms = Number(process.hrtime.bigint() - begin) / 1e6
  if (!report.includes('"ok":true')) throw new Error(`${argv.join(' ')} reported: ${report}`)
  return ms
}

/** Runs argv without timing it. */
export function quiet(argv: readonly string[]): void {
  time(argv)
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}

/** Calls both in turns, n times each. Each call prepares what it needs, times only the command itself, and returns milliseconds. */
export function compare(n: number, tlxc: () => number, lxc: () => number): Sample {
  const ours: number[] = []
  const theirs: number[] = []
  for (let i = 0; i < n; i++) {
    ours.push(tlxc())
    theirs.push(lxc())
  }
  return { tlxc: median(ours), lxc: median(theirs) }
}

/** Nothing, for so many milliseconds. */
export function pause(ms: number): void {
  if (ms > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
