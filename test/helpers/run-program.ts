/**
 * Runs a program in this process on a temporary root: real files below it, streams that remember, a host that records
 * what it was asked to execute and answers as the test says.
 */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { Output } from '../../src/cli/command.ts'
import type { Program } from '../../src/cli/registry.ts'
import { runProgram } from '../../src/cli/run.ts'
import { LockedError } from '../../src/errors.ts'
import { connectUnix } from '../../src/host/connect.ts'
import type { ExecOptions, ExecResult, Host } from '../../src/host/host.ts'
import { startProgram } from '../../src/host/stream.ts'
import { makePaths } from '../../src/host/paths.ts'
import type { HostFacts } from '../../src/launch/host-facts.ts'
import { factsOf } from './launch.ts'

export interface ExecCall {
  /** become: the program replaced this one. */
  kind: 'exec' | 'native' | 'become'
  file: string
  args: readonly string[]
  options: ExecOptions
}

export interface FakeHost extends Host {
  /** The temporary directory that stands for /. */
  readonly root: string
  readonly calls: ExecCall[]
  /** Removes the temporary directory. */
  remove(): void
}

export interface FakeHostOptions {
  /** What an executed program answers; default: exit code 0, no output. */
  onExec?: (call: ExecCall) => Partial<ExecResult>
  /** The report line of a native helper. */
  onNative?: (call: ExecCall) => { report: string; exitCode: number | null }
  /** Locks that somebody else holds. */
  foreignLocks?: ReadonlySet<string>
  facts?: Partial<HostFacts>
  uid?: number
  now?: () => number
}

/** A machine with nothing special. */
const FACTS = factsOf('hybrid', { cgroups: [], cgroupLayout: 'none', interfaces: {}, kernelFiles: [] })

export function makeFakeHost(options: FakeHostOptions = {}): FakeHost {
  const root = fs.mkdtempSync(join(tmpdir(), 'tlxc-test-'))
  const calls: ExecCall[] = []
  const record = (kind: ExecCall['kind'], file: string, args: readonly string[], execOptions: ExecOptions = {}): ExecCall => {
    const call = { kind, file, args, options: execOptions }
    calls.push(call)
    return call
  }
  const paths = { ...makePaths(`${root}/usr`, root), proc: `${root}/proc` }
  for (const dir of [paths.sysconf, paths.run, paths.lxcpath, paths.cache, paths.templates, paths.configIncludes]) {
    fs.mkdirSync(dir, { recursive: true })
  }
  const held = new Set<string>()
  return {
    root,
    calls,
    remove: () => fs.rmSync(root, { recursive: true, force: true }),
    paths,
    fs,
    uid: options.uid ?? 0,
    pid: process.pid,
    exec: (file, args, execOptions) => {
      const answer = answerTo(options, record('exec', file, args, execOptions))
      execOptions?.onOutput?.((answer.stdout ?? '') + (answer.stderr ?? ''))
      return Promise.resolve({ exitCode: 0, signal: null, stdout: '', stderr: '', ...answer })
    },
    // Data flows through real programs, or not at all.
    start: (file, args, streamOptions) => startProgram(file, args, streamOptions, { env: process.env, cwd: root }),
    runNative: (file, args) => {
      const call = record('native', file, args)
      return Promise.resolve(options.onNative?.(call) ?? { report: '', exitCode: 0 })
    },
    become: (file, args, env) => {
      record('become', file, args, { env })
      return Promise.resolve(0)
    },
    connect: connectUnix,
    lock: (path) => {
      if (held.has(path) || options.foreignLocks?.has(path)) return Promise.reject(new LockedError(path, null))
      held.add(path)
      return Promise.resolve({
        release: () => {
          held.delete(path)
          return Promise.resolve()
        },
      })
    },
    writeFileAtomic: (path, data, mode) => {
      fs.writeFileSync(`${path}.new`, data, { mode })
      fs.renameSync(`${path}.new`, path)
    },
    kill: (pid, signal) => {
      record('exec', 'kill', [String(pid), signal])
    },
    facts: () => ({ ...FACTS, ...options.facts }),
    now: options.now ?? ((): number => Date.now()),
  }
}

function answerTo(options: FakeHostOptions, call: ExecCall): Partial<ExecResult> {
  return options.onExec?.(call) ?? {}
}

export interface RunOptions {
  env?: Record<string, string | undefined>
  /** Default: the host's root. */
  cwd?: string
  /** Text on standard input. */
  stdin?: string
  /** Output streams are terminals of this many columns (default: not terminals). */
  columns?: number
  signal?: AbortSignal
  /** Instead of the registry. */
  programs?: readonly Program[]
}

export interface RunResult {
  exitCode: number
  stdout: string
  stderr: string
}

/** program: "tlxc-ls", "lxc-ls" or "tlxc". */
export async function runInProcess(host: Host, program: string, argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const stdout = rememberingOutput(options.columns)
  const stderr = rememberingOutput(options.columns)
  const stdin = Object.assign(new PassThrough(), { isTTY: options.columns !== undefined })
  stdin.end(options.stdin ?? '')
  const exitCode = await runProgram(program, argv, {
    host,
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout,
    stderr,
    env: options.env ?? {},
    cwd: options.cwd ?? host.paths.root,
    signal: options.signal ?? new AbortController().signal,
  }, options.programs)
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() }
}

export function rememberingOutput(columns?: number): Output & { text(): string } {
  const pieces: string[] = []
  return {
    write: (data) => {
      pieces.push(typeof data === 'string' ? data : Buffer.from(data).toString())
    },
    isTTY: columns !== undefined,
    columns: columns ?? 80,
    rows: columns === undefined ? 0 : 24,
    onResize: () => () => undefined,
    text: () => pieces.join(''),
  }
}
