/** Native helpers that report one line on descriptor 3. */
import { TlxcError } from '../errors.ts'
import { LIMITS } from '../protocol/generated.ts'
import { bun, type Bun } from './bun.ts'
import type { NativeOptions } from './host.ts'
import { cannotRun, childEnvironment, type ExecDefaults } from './program.ts'

export interface NativeResult {
  /** The report without its newline; '' when the helper said nothing. */
  report: string
  /** null when it runs on, or was killed. */
  exitCode: number | null
}

/**
 * Runs `file` with descriptor 3 as a pipe. Resolves with the first complete line there, whether the helper (or a daemon that it
 * left behind, which holds the same descriptor) lives on or not; without a line, when the helper is gone and the pipe is closed.
 */
export async function runNative(
  file: string,
  args: readonly string[],
  options: NativeOptions,
  defaults: ExecDefaults,
): Promise<NativeResult> {
  if (bun !== undefined && !options.wait) return await throughBun(bun, file, args, defaults)
  const node = await import('./native-node.ts')
  return options.wait ? await node.runAndWait(file, args, options, defaults) : await node.runDetached(file, args, options, defaults)
}

async function throughBun(runtime: Bun, file: string, args: readonly string[], defaults: ExecDefaults): Promise<NativeResult> {
  const child = spawnChild(runtime, file, args, defaults)
  const fd = child.stdio[3]
  if (typeof fd !== 'number') throw new TlxcError('EXEC', `cannot run "${file}": no pipe for its report`)
  const report = await new Promise<string>((resolve, reject) => {
    const reader = lineReader()
    const opened = runtime.connect({
      fd,
      socket: {
        data: (socket, chunk) => {
          try {
            const line = reader(chunk)
            if (line !== null) resolve(line)
          } catch (error) {
            socket.terminate()
            reject(error instanceof Error ? error : new Error(String(error)))
          }
        },
        drain: () => undefined,
        close: () => resolve(''),
        error: (_, error) => reject(error),
      },
    })
    opened.catch(reject)
  })
  if (report !== '') {
    child.unref()
    return { report, exitCode: child.exitCode }
  }
  await child.exited
  return { report, exitCode: child.exitCode }
}

function spawnChild(runtime: Bun, file: string, args: readonly string[], defaults: ExecDefaults): ReturnType<Bun['spawn']> {
  try {
    return runtime.spawn([file, ...args], { cwd: defaults.cwd, env: childEnvironment(defaults.env), stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  } catch (error) {
    throw cannotRun(file, error)
  }
}

/** Takes pieces of the stream; gives the first line when it is whole, else null. Throws TlxcError MONITOR when it is too long. */
export function lineReader(): (piece: Uint8Array) => string | null {
  const pieces: Uint8Array[] = []
  let length = 0
  return (piece) => {
    pieces.push(piece)
    length += piece.length
    if (length > LIMITS.maxMessage) throw new TlxcError('MONITOR', 'cannot read the report of the monitor: longer than the protocol allows')
    if (!piece.includes(10)) return null
    const all = Buffer.concat(pieces)
    return all.toString('utf8', 0, all.indexOf(10))
  }
}
