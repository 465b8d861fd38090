/**
 * host/: the only door to the machine (files, processes, sockets, locks, kernel facts, users).
 * This file is the interface that everything above sees; the real thing is real-host.ts. No policy in here, no containers.
 */
import type * as fs from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import type { HostFacts } from '../launch/host-facts.ts'
import type { Paths } from './paths.ts'

export interface ExecOptions {
  /** Replaces the environment (default: the context's). */
  env?: Record<string, string>
  cwd?: string
  /** Text for standard input (default: none, /dev/null). */
  input?: string
  /** "inherit": output goes to the command's own streams; "pipe" (default): collected. */
  stdout?: 'pipe' | 'inherit' | 'ignore'
  stderr?: 'pipe' | 'inherit' | 'ignore'
  stdin?: 'ignore' | 'inherit'
  /** Called with each piece of output as it comes (stdout and stderr pipes). */
  onOutput?: (text: string) => void
  umask?: number
  signal?: AbortSignal
  /** What an aborted program gets (default SIGTERM, after a grace time SIGKILL). */
  killSignal?: 'SIGTERM' | 'SIGKILL'
}

export interface ExecResult {
  /** null when killed by a signal. */
  exitCode: number | null
  signal: string | null
  stdout: string
  stderr: string
}

export interface NativeOptions {
  stdio?: 'ignore' | 'inherit'
  /** Waits until the helper has ended, passes signals on to it; exitCode is then as a shell gives it (128+N). */
  wait?: boolean
  /** With wait: called with the report when it is there. */
  onReport?: (line: string) => void
}

export interface StreamOptions {
  /** inherit: that of the command; a number: an open file descriptor of ours. */
  stdin: 'pipe' | 'inherit' | 'ignore' | number
  stdout: 'pipe' | 'inherit' | 'ignore' | number
  cwd?: string
}

/** A program that data flows through. */
export interface RunningProgram {
  /** null unless it is a pipe. */
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  /** When it has ended and its output is read; a non-zero exit is a result, not an error. */
  readonly done: Promise<{ exitCode: number | null; signal: string | null; stderr: string }>
  /** SIGKILL; nothing when it has ended. */
  kill(): void
}

/** A lock that goes away with its holder. */
export interface HeldLock {
  release(): Promise<void>
}

/** One connection to a UNIX socket. */
export interface Connection {
  /** In order, whole, as fast as the other side takes it. */
  write(bytes: Uint8Array): void
  /** At once; nothing is heard of it afterwards. */
  close(): void
}

export interface ConnectionEvents {
  onData(chunk: Uint8Array): void
  /** Once: the other side has closed, or (error) the connection broke. */
  onEnd(error?: Error): void
}

export interface Host {
  /** Every path of tlxc, from one root. */
  readonly paths: Paths
  /** node:fs as it is (real one under paths.root in tests). */
  readonly fs: typeof fs
  /** Effective user id of this process. */
  readonly uid: number
  readonly pid: number
  /** Runs a program without a shell, waits. A non-zero exit is a result, not an error. Throws TlxcError EXEC when it cannot be started. */
  exec(file: string, args: readonly string[], options?: ExecOptions): Promise<ExecResult>
  /** Starts a program without a shell and does not wait: data flows through it. Throws TlxcError EXEC when it cannot be started. */
  start(file: string, args: readonly string[], options: StreamOptions): Promise<RunningProgram>
  /** Runs a native helper that reports one JSON line on descriptor 3; resolves with that line ('' if none) and its exit code, as soon as the line is there. */
  runNative(file: string, args: readonly string[], options?: NativeOptions): Promise<{ report: string; exitCode: number | null }>
  /** Becomes the program (execve) where the runtime can, else runs it with inherited stdio and resolves with its exit code (128+N on a signal). */
  become(file: string, args: readonly string[], env: Record<string, string>): Promise<number>
  /** kill(2); throws the system error (ESRCH, EPERM). */
  kill(pid: number, signal: NodeJS.Signals): void
  /** Connects to a UNIX socket; rejects with the system error (ECONNREFUSED, ENOENT). */
  connect(path: string, events: ConnectionEvents): Promise<Connection>
  /** Waits until the lock is free or timeoutMs is over (TlxcError BUSY naming the holder). A dead holder's lock is taken over. */
  lock(path: string, options: { timeoutMs: number; purpose: string }): Promise<HeldLock>
  /** Writes a whole file by temporary file, fsync and rename in the same directory. */
  writeFileAtomic(path: string, data: string | Uint8Array, mode: number): void
  /** Facts about kernel, cgroups, users and interfaces, read on first use. */
  facts(): HostFacts
  /** Milliseconds since the epoch. */
  now(): number
}
