/** SIGINT, SIGTERM and SIGHUP as an AbortSignal. */
import { constants } from 'node:os'
import { TlxcError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** timeout(1) and systemd send a signal twice, to the process and to its group; a person needs longer than this for a second Ctrl-C. */
const SAME_MOMENT_MS = 100

/** The first signal asks to undo and leave; a later one calls `giveUp` with the exit code. */
export function interruptible(process: Pick<NodeJS.Process, 'on'>, giveUp: (exitCode: number) => void, now = (): number => performance.now()): AbortSignal {
  const controller = new AbortController()
  let first = 0
  for (const name of SIGNALS) {
    process.on(name, () => {
      const exitCode = EXIT.signalBase + constants.signals[name]
      if (!controller.signal.aborted) {
        first = now()
        controller.abort(new TlxcError('INTERRUPTED', `interrupted by ${name}`, { exitCode }))
      } else if (now() - first >= SAME_MOMENT_MS) giveUp(exitCode)
    })
  }
  return controller.signal
}
