/** A plain run by Bun itself: see execProgram. */
import type { Bun, BunChild } from './bun.ts'
import { collector } from './exec-output.ts'
import type { ExecOptions, ExecResult } from './host.ts'
import { cannotRun, childEnvironment, withUmask, type ExecDefaults } from './program.ts'

export async function runByBun(runtime: Bun, file: string, args: readonly string[], options: ExecOptions, defaults: ExecDefaults): Promise<ExecResult> {
  const child = start(runtime, file, args, options, defaults)
  const [stdout, stderr] = await Promise.all([readAll(child.stdout), readAll(child.stderr), child.exited])
  const signal = child.signalCode ?? null
  return { exitCode: signal === null ? child.exitCode : null, signal, stdout, stderr }
}

function start(runtime: Bun, file: string, args: readonly string[], options: ExecOptions, defaults: ExecDefaults): BunChild {
  const stdio = [options.stdin ?? 'ignore', options.stdout ?? 'pipe', options.stderr ?? 'pipe']
  const spawnOptions = { cwd: options.cwd ?? defaults.cwd, env: options.env ?? childEnvironment(defaults.env), stdio }
  try {
    return withUmask(options.umask, () => runtime.spawn([file, ...args], spawnOptions))
  } catch (error) {
    throw cannotRun(file, error)
  }
}

async function readAll(stream: BunChild['stdout']): Promise<string> {
  if (stream === undefined || stream === null || typeof stream === 'number') return ''
  const output = collector()
  for await (const piece of stream) output.add(piece)
  return output.text()
}
