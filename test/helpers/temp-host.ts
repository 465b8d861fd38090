/** The host of run-program.ts for tests of single functions: what was run as plain lists, answers that change during the test. */
import type { ExecResult } from '../../src/host/host.ts'
import type { HostFacts } from '../../src/launch/host-facts.ts'
import { makeFakeHost, type FakeHost } from './run-program.ts'

export interface TempHost extends FakeHost {
  /** Programs that were run: [file, ...args]. */
  readonly ran: string[][]
  /** Answers of exec, by the test; default: exit 0, no output. */
  onExec: (file: string, args: readonly string[]) => Partial<ExecResult>
  /** Locks that somebody else holds. */
  readonly foreignLocks: Set<string>
  facts: () => HostFacts
  dispose(): void
}

export function makeTempHost(): TempHost {
  const foreignLocks = new Set<string>()
  const fake = makeFakeHost({
    foreignLocks,
    onExec: ({ file, args }) => host.onExec(file, args),
    onNative: ({ file, args }) => {
      const { exitCode = 0, stdout = '' } = host.onExec(file, args)
      return { report: stdout, exitCode }
    },
  })
  const host: TempHost = {
    ...fake,
    get ran() {
      return fake.calls.map(({ file, args }) => [file, ...args])
    },
    onExec: () => ({}),
    foreignLocks,
    facts: () => {
      throw new Error('facts are not scripted')
    },
    dispose: () => fake.remove(),
  }
  return host
}
