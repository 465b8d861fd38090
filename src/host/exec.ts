/**
 * Programs that are waited for. The only importer of execa, which is loaded when one of its features is needed (input, streamed
 * output, cancellation with a grace time): it costs tens of milliseconds, and most calls are a plain run.
 */
import { TlxcError } from '../errors.ts'
import { bun } from './bun.ts'
import { MAX_OUTPUT } from './exec-output.ts'
import type { ExecOptions, ExecResult } from './host.ts'
import { cannotRun, childEnvironment, withUmask, type ExecDefaults } from './program.ts'

/** Between SIGTERM and SIGKILL after a cancellation, milliseconds. */
const GRACE = 5000

/** Throws TlxcError EXEC when the program cannot be started, INTERRUPTED when options.signal aborted it. */
export async function execProgram(
  file: string,
  args: readonly string[],
  options: ExecOptions,
  defaults: ExecDefaults,
): Promise<ExecResult> {
  if (options.signal?.aborted) throw interrupted(file)
  const needsExeca = options.input !== undefined || options.onOutput !== undefined || options.signal !== undefined
  if (needsExeca) return await runWithExeca(file, args, options, defaults)
  if (bun !== undefined) return await (await import('./exec-bun.ts')).runByBun(bun, file, args, options, defaults)
  return await (await import('./exec-node.ts')).runByNode(file, args, options, defaults)
}

function interrupted(file: string): TlxcError {
  return new TlxcError('INTERRUPTED', `cannot run "${file}": interrupted`)
}

async function runWithExeca(file: string, args: readonly string[], options: ExecOptions, defaults: ExecDefaults): Promise<ExecResult> {
  const { execa } = await import('execa')
  const child = withUmask(options.umask, () =>
    execa(file, args, {
      cwd: options.cwd ?? defaults.cwd,
      env: options.env ?? childEnvironment(defaults.env),
      extendEnv: false,
      reject: false,
      stripFinalNewline: false,
      maxBuffer: MAX_OUTPUT,
      stdout: options.stdout ?? 'pipe',
      stderr: options.stderr ?? 'pipe',
      killSignal: options.killSignal ?? 'SIGTERM',
      forceKillAfterDelay: GRACE,
      ...(options.input === undefined ? { stdin: options.stdin ?? 'ignore' } : { input: options.input }),
      ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    }),
  )
  const { onOutput } = options
  if (onOutput !== undefined) {
    child.stdout?.on('data', (piece: unknown) => onOutput(String(piece)))
    child.stderr?.on('data', (piece: unknown) => onOutput(String(piece)))
  }
  const result = await child
  if (result.isCanceled) throw interrupted(file)
  if (result.exitCode === undefined && result.signal === undefined) throw cannotRun(file, result.cause ?? result)
  return { exitCode: result.exitCode ?? null, signal: result.signal ?? null, stdout: text(result.stdout), stderr: text(result.stderr) }
}

function text(output: unknown): string {
  return typeof output === 'string' ? output : ''
}
