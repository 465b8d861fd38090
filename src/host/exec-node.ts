/** A plain run by node:child_process: see execProgram. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { collector, type Output } from './exec-output.ts'
import type { ExecOptions, ExecResult } from './host.ts'
import { cannotRun, childEnvironment, withUmask, type ExecDefaults } from './program.ts'

export function runByNode(file: string, args: readonly string[], options: ExecOptions, defaults: ExecDefaults): Promise<ExecResult> {
  const spawnOptions: SpawnOptions = {
    cwd: options.cwd ?? defaults.cwd,
    env: options.env ?? childEnvironment(defaults.env),
    stdio: [options.stdin ?? 'ignore', options.stdout ?? 'pipe', options.stderr ?? 'pipe'],
  }
  return new Promise((resolve, reject) => {
    const child = withUmask(options.umask, () => spawn(file, args, spawnOptions))
    const stdout = collect(child.stdout)
    const stderr = collect(child.stderr)
    child.once('error', (error) => reject(cannotRun(file, error)))
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal, stdout: stdout.text(), stderr: stderr.text() }))
  })
}

function collect(stream: ChildProcess['stdout']): Output {
  const output = collector()
  stream?.on('data', (piece: Buffer) => output.add(piece))
  return output
}
