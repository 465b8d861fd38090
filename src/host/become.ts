/** A program that this process becomes. */
import { existsSync } from 'node:fs'
import { cannotRun, shellStatus, type ExecDefaults } from './program.ts'

type Execve = (file: string, args: readonly string[], env: Record<string, string>) => never

/**
 * execve(2) where the runtime has it (Bun, Node ≥ 22.15), so that no JavaScript waits beside the helper; elsewhere a child with
 * the same streams, to which signals are passed on. The caller has flushed its streams.
 */
export async function become(file: string, args: readonly string[], env: Record<string, string>, defaults: ExecDefaults): Promise<number> {
  const execve = (process as { execve?: Execve }).execve
  // A failed execve aborts the process in Node and Bun, so what can be known is checked before.
  if (!existsSync(file)) throw cannotRun(file, Object.assign(new Error('ENOENT'), { code: 'ENOENT' }))
  if (execve !== undefined) {
    process.chdir(defaults.cwd)
    return execve.call(process, file, [file, ...args], env)
  }
  return await runInPlace(file, args, env, defaults.cwd)
}

async function runInPlace(file: string, args: readonly string[], env: Record<string, string>, cwd: string): Promise<number> {
  const { spawn } = await import('node:child_process')
  const { passSignalsOn } = await import('./signals.ts')
  return await new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env, stdio: 'inherit' })
    const stop = passSignalsOn(child)
    child.once('error', (error) => {
      stop()
      reject(cannotRun(file, error))
    })
    child.once('close', (exitCode, signal) => {
      stop()
      resolve(shellStatus(exitCode, signal))
    })
  })
}
