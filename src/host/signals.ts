/** Signals for a child that stands in for this process. */
import type { ChildProcess } from 'node:child_process'

const PASSED_ON = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGCONT'] as const

/** What is returned ends it. */
export function passSignalsOn(child: ChildProcess): () => void {
  const passOn = (signal: NodeJS.Signals): void => {
    child.kill(signal)
  }
  PASSED_ON.forEach((signal) => process.on(signal, passOn))
  return () => PASSED_ON.forEach((signal) => process.off(signal, passOn))
}
