/** What every way of running a program shares. */
import { constants } from 'node:os'
import { TlxcError, errnoOf } from '../errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface ExecDefaults {
  env: Environment
  cwd: string
}

/** 0…255 as a shell gives it: 128+N for a signal. */
export function shellStatus(exitCode: number | null, signal: string | null): number {
  if (exitCode !== null) return exitCode
  const numbers: Readonly<Record<string, number>> = constants.signals
  return 128 + (numbers[signal ?? ''] ?? 0)
}

/** cron, sudo and service managers leave these out of PATH; nft, ip, dnsmasq and what hooks and templates call are there. */
const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Our environment for a program that we run: without holes, and with the system's directories behind those of PATH. */
export function childEnvironment(env: Environment): Record<string, string> {
  const given = (env['PATH'] ?? '').split(':').filter((directory) => directory !== '')
  const defined = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { ...Object.fromEntries(defined), PATH: [...given, ...SYSTEM_DIRECTORIES.filter((directory) => !given.includes(directory))].join(':') }
}

/** spawn(2) forks before it returns, so a mask set around the call is the child's alone. */
export function withUmask<T>(umask: number | undefined, start: () => T): T {
  if (umask === undefined) return start()
  const before = process.umask(umask)
  try {
    return start()
  } finally {
    process.umask(before)
  }
}

export function cannotRun(file: string, error: unknown): TlxcError {
  const missing = errnoOf(error) === 'ENOENT'
  const reason = missing ? 'no such program' : error instanceof Error ? error.message : String(error)
  const hint = missing ? `install it, or add its directory to PATH` : undefined
  return new TlxcError('EXEC', `cannot run "${file}": ${reason}`, { cause: error, ...(hint === undefined ? {} : { hint }) })
}
