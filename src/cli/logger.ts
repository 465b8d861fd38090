/** Diagnostics: warnings and errors to standard error, and what has the priority to the log file, in the shape of LXC's log lines. */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Logger, Output } from './command.ts'

/** LXC's levels, in order [log.c]. */
const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'NOTICE', 'WARN', 'ERROR', 'CRIT', 'ALERT', 'FATAL'] as const
export type Level = (typeof LEVELS)[number]

export interface LogTarget {
  readonly program: string
  readonly name: string
  readonly stderr: Output
  readonly host: Host
  readonly quiet: boolean
  /** null: no log file. */
  readonly file: string | null
  readonly priority: Level
}

/** Case does not count. Throws TlxcError USAGE. */
export function parseLevel(text: string): Level {
  const level = LEVELS.find((known) => known === text.toUpperCase())
  if (level) return level
  throw new TlxcError('USAGE', `invalid log priority '${text}'`, { hint: `one of ${LEVELS.join(', ')}` })
}

/** LXC's rule: -l without -o logs to the container's default log file. */
export function defaultLogFile(host: Host, name: string, program: string): string {
  const stem = /^[\w.-]+$/.test(name) && !name.startsWith('.') ? name : program
  return `${host.paths.log}/${stem}.log`
}

/** Throws TlxcError IO when the log file cannot be opened. */
export function makeLogger(target: LogTarget): Logger {
  if (target.file !== null) openLog(target.host, target.file)
  const prefix = target.name === '' ? `${target.program}: ` : `${target.program}: ${target.name}: `
  const toFile = (level: Level, message: string): void => {
    if (target.file === null || LEVELS.indexOf(level) < LEVELS.indexOf(target.priority)) return
    target.host.fs.appendFileSync(target.file, logLine(target, level, message))
  }
  const toPeople = (level: Level, text: string, message: string): void => {
    toFile(level, message)
    if (!target.quiet) target.stderr.write(`${prefix}${text}${message}\n`)
  }
  return {
    debug: (message) => toFile('DEBUG', message),
    info: (message) => toFile('INFO', message),
    warn: (message) => toPeople('WARN', 'warning: ', message),
    error: (message) => toPeople('ERROR', '', message),
  }
}

/** PROG NAME YYYYMMDDHHMMSS.mmm LEVEL    CATEGORY - MESSAGE, in UTC. */
function logLine(target: LogTarget, level: Level, message: string): string {
  const time = new Date(target.host.now()).toISOString().replace(/[-:TZ]/g, '')
  const category = target.program.replace(/^t?lxc-/, '')
  return `${target.program} ${target.name} ${time} ${level.padEnd(8)} ${category} - ${message}\n`
}

function openLog(host: Host, file: string): void {
  try {
    if (file.startsWith(`${host.paths.log}/`)) host.fs.mkdirSync(host.paths.log, { recursive: true, mode: 0o755 })
    host.fs.appendFileSync(file, '', { mode: 0o640 })
  } catch (cause) {
    const hint = 'give another file with --logfile'
    throw new TlxcError('IO', `cannot open log file "${file}": ${errnoOf(cause) ?? String(cause)}`, { hint, cause })
  }
}
