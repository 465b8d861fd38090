/** Programs that data flows through while they run: compressors, tar. */
import { spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { cannotRun, childEnvironment, type ExecDefaults } from './program.ts'
import type { RunningProgram, StreamOptions } from './host.ts'

/** What is kept of standard error. */
const MAX_STDERR = 64 << 10

/** Resolves when it runs. Throws TlxcError EXEC when it cannot be started. */
export async function startProgram(file: string, args: readonly string[], options: StreamOptions, defaults: ExecDefaults): Promise<RunningProgram> {
  const child = spawn(file, args, {
    cwd: options.cwd ?? defaults.cwd,
    env: childEnvironment(defaults.env),
    stdio: [options.stdin, options.stdout, 'pipe'],
  })
  let stderr = ''
  child.stderr?.on('data', (piece: Buffer) => {
    if (stderr.length < MAX_STDERR) stderr += piece.toString('utf8')
  })
  // A program that ends before it has read everything is told by its exit code; the broken pipe must not end us.
  child.stdin?.on('error', () => undefined)
  const done = new Promise<{ exitCode: number | null; signal: string | null; stderr: string }>((resolve) => {
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal, stderr }))
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (error) => reject(cannotRun(file, error)))
  })
  return {
    stdin: child.stdin as Writable | null,
    stdout: child.stdout as Readable | null,
    done,
    kill: () => {
      child.kill('SIGKILL')
      // Nobody reads on, and "close" comes after the last pipe is read out.
      child.stdout?.destroy()
      child.stdin?.destroy()
    },
  }
}
