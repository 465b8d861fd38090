/** Native helpers by node:child_process: under Node, and where the caller stays until the helper has ended. */
import { spawn, type ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { NativeOptions } from './host.ts'
import { lineReader, type NativeResult } from './native.ts'
import { cannotRun, childEnvironment, shellStatus, type ExecDefaults } from './program.ts'
import { passSignalsOn } from './signals.ts'

/** See runNative. */
export function runDetached(file: string, args: readonly string[], options: NativeOptions, defaults: ExecDefaults): Promise<NativeResult> {
  return new Promise((resolve, reject) => {
    const child = start(file, args, options, defaults)
    const pipe = child.stdio[3] as Readable
    child.once('error', (error) => reject(cannotRun(file, error)))
    const onLine = (report: string): void => {
      pipe.destroy()
      child.unref()
      resolve({ report, exitCode: child.exitCode })
    }
    readLine(pipe, onLine, reject)
    // Not "close" of the child: Bun emits it while a daemon that the child left behind still holds the pipe.
    pipe.once('end', () => afterExit(child, (exitCode) => resolve({ report: '', exitCode })))
  })
}

/** Stays beside the helper and passes signals on to it; exitCode is then as a shell gives it (128+N). */
export function runAndWait(file: string, args: readonly string[], options: NativeOptions, defaults: ExecDefaults): Promise<NativeResult> {
  return new Promise((resolve, reject) => {
    const child = start(file, args, options, defaults)
    const stop = passSignalsOn(child)
    const pipe = child.stdio[3] as Readable
    let report = ''
    const onLine = (line: string): void => {
      report = line
      pipe.destroy()
      options.onReport?.(line)
    }
    readLine(pipe, onLine, reject)
    child.once('error', (error) => {
      stop()
      reject(cannotRun(file, error))
    })
    // "close" comes after the pipe is read out.
    child.once('close', (exitCode, signal) => {
      stop()
      resolve({ report, exitCode: shellStatus(exitCode, signal) })
    })
  })
}

function start(file: string, args: readonly string[], options: NativeOptions, defaults: ExecDefaults): ChildProcess {
  const stdio = options.stdio ?? 'ignore'
  return spawn(file, args, { cwd: defaults.cwd, env: childEnvironment(defaults.env), stdio: [stdio, stdio, stdio, 'pipe'] })
}

function afterExit(child: ChildProcess, then: (exitCode: number | null) => void): void {
  if (child.exitCode !== null || child.signalCode !== null) then(child.exitCode)
  else child.once('exit', then)
}

function readLine(pipe: Readable, onLine: (line: string) => void, onError: (error: unknown) => void): void {
  const reader = lineReader()
  let done = false
  const fail = (error: unknown): void => {
    done = true
    pipe.destroy()
    onError(error)
  }
  pipe.on('error', fail)
  pipe.on('data', (piece: Buffer) => {
    if (done) return
    try {
      const line = reader(piece)
      if (line === null) return
      done = true
      onLine(line)
    } catch (error) {
      fail(error)
    }
  })
}
