/** The one error type of tlxc. What people can cause is a TlxcError; anything else is a bug and keeps its stack. */

/** Stable codes; tested API. Messages may change, codes may not. */
export type ErrorCode =
  | 'USAGE'
  | 'NAME'
  | 'EXISTS'
  | 'NOT_DEFINED'
  | 'RUNNING'
  | 'NOT_RUNNING'
  | 'CONFIG'
  | 'UNSUPPORTED'
  | 'TEMPLATE'
  | 'STORAGE'
  | 'NETWORK'
  | 'IDMAP'
  | 'KERNEL'
  | 'PRIVILEGE'
  | 'PERMISSION'
  | 'SPACE'
  | 'BUSY'
  | 'TIMEOUT'
  | 'START'
  | 'MONITOR'
  | 'EXEC'
  | 'INTERRUPTED'
  | 'IO'

export interface ErrorDetails {
  /** One line: what the person can do about it. */
  hint?: string
  cause?: unknown
  /** Exit code when it is not 1. */
  exitCode?: number
}

/** `message`: one line "cannot VERB OBJECT: REASON", no full stop, paths in quotes. */
export class TlxcError extends Error {
  readonly hint: string | undefined
  readonly exitCode: number | undefined

  constructor(
    readonly code: ErrorCode,
    message: string,
    details: ErrorDetails = {},
  ) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.name = 'TlxcError'
    this.hint = details.hint
    this.exitCode = details.exitCode
  }
}

export interface LockHolder {
  readonly pid: number
  /** What it said when it took the lock: "snapshot of c1"; null: nothing yet, or it just ends. */
  readonly purpose: string | null
}

/** BUSY: somebody else has a lock. */
export class LockedError extends TlxcError {
  /** holder null: who it is was not to be found out any more. */
  constructor(
    readonly path: string,
    readonly holder: LockHolder | null,
  ) {
    const who = holder === null ? 'another process holds it' : `process ${holder.pid} holds it (${holder.purpose ?? 'it just ends'})`
    super('BUSY', `cannot lock "${path}": ${who}`, { hint: 'wait until it is done, or end that process' })
  }
}

/** The errno name ("ENOENT") of a system error, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
