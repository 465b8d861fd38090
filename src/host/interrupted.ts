/** Ctrl-C and timeout(1) signal the programs that we run as well, and these may end sooner than we hear of it. */
import { constants } from 'node:os'
import { TlxcError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'

/** How a program ended, when that was an interrupt; else null. */
export function interruptedBy(signal: string | null): TlxcError | null {
  if (signal !== 'SIGINT' && signal !== 'SIGTERM' && signal !== 'SIGHUP') return null
  return new TlxcError('INTERRUPTED', `interrupted by ${signal}`, { exitCode: EXIT.signalBase + constants.signals[signal] })
}
