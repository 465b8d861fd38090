/** SIGINT, SIGTERM and SIGHUP as an AbortSignal. */
import { constants } from 'node:os'
import { TlxcError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The first signal asks to undo and leave; a second one calls `giveUp` with the exit code. */
export function interruptible(process: Pick<NodeJS.Process, 'on'>, giveUp: (exitCode: number) => void): AbortSignal {
  const controller = new AbortController()
  for (const name of SIGNALS) {
    process.on(name, () => {
      const exitCode = EXIT.signalBase + constants.signals[name]
      if (controller.signal.aborted) giveUp(exitCode)
      else controller.abort(new TlxcError('INTERRUPTED', `interrupted by ${name}`, { exitCode }))
    })
  }
  return controller.signal
}
