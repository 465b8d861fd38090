/** The one place where an error becomes text and an exit code. */
import { TlxcError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { Output } from './command.ts'
import { systemTrouble } from './system-error.ts'

/** Thrown by an Output whose reader is gone. A C tool would die of SIGPIPE, silently: so does a program of ours. */
export class OutputClosed extends Error {
  static readonly exitCode = EXIT.signalBase + 13
}

export interface Reporter {
  readonly program: string
  /** '' when there is none, or not yet. */
  readonly name: string
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** One JSON object instead of text. */
  readonly json: boolean
  readonly quiet: boolean
}

/**
 * What people can cause: one line, and one for the mend. Anything else is a bug and shows its stack.
 * With --json one line on standard error: {"schema":"tlxc/error/1","error":{code,message,hint}}; standard output stays empty.
 */
export function reportError(thrown: unknown, to: Reporter): number {
  if (thrown instanceof OutputClosed) return OutputClosed.exitCode
  const error = systemTrouble(thrown) ?? thrown
  if (!to.quiet || !(error instanceof TlxcError)) {
    try {
      to.stderr.write(to.json ? errorAsJson(error, to) : errorAsText(error, to))
    } catch (failure) {
      if (!(failure instanceof OutputClosed)) throw failure
    }
  }
  return error instanceof TlxcError ? (error.exitCode ?? EXIT.failure) : EXIT.failure
}

function errorAsText(error: unknown, to: Reporter): string {
  const prefix = to.name === '' ? `${to.program}: ` : `${to.program}: ${printable(to.name)}: `
  if (error instanceof TlxcError) {
    return `${prefix}${printable(error.message)}\n${error.hint === undefined ? '' : dim(`${to.program}: hint: ${printable(error.hint)}`, to)}`
  }
  return `${prefix}internal error: ${stackOf(error)}\n${to.program}: hint: this is a bug in tlxc; please report it with the lines above\n`
}

function errorAsJson(error: unknown, to: Reporter): string {
  const known = error instanceof TlxcError
  const detail = known
    ? { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }
    : { code: 'BUG', message: String(error), hint: stackOf(error) }
  return `${JSON.stringify({ schema: 'tlxc/error/1', program: to.program, ...(to.name === '' ? {} : { name: to.name }), error: detail })}\n`
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Output of hooks, paths and names may hold what a terminal takes for a command (escape sequences), or what makes two lines of one. */
function printable(text: string): string {
  return text.replace(/[^\P{Cc}\t]/gu, '?')
}

/** Colour for people only: a terminal, no NO_COLOR (no-color.org), no dumb terminal. */
function dim(line: string, to: Reporter): string {
  const coloured = to.stderr.isTTY && !to.env['NO_COLOR'] && to.env['TERM'] !== 'dumb'
  return coloured ? `\x1b[2m${line}\x1b[0m\n` : `${line}\n`
}
