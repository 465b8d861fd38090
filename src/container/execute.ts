/** Runs one program in a container that lives as long as it does. */
import { TlxcError } from '../errors.ts'
import type { StartOptions } from './start-options.ts'
import { startContainer, type StartContext } from './start.ts'
import type { Container } from './store.ts'

/** Resolves with the program's exit status in the foreground, 0 in the background. Throws as startContainer, and BUSY when it runs already. */
export async function executeInContainer(ctx: StartContext, container: Container, options: Omit<StartOptions, 'execute'>): Promise<number> {
  const result = await startContainer(ctx, container, { ...options, execute: true })
  if (result.kind === 'already-running') {
    throw new TlxcError('RUNNING', `cannot execute in "${container.name}": it is running already`, {
      hint: `run a program inside of it: tlxc-attach ${container.name} -- COMMAND`,
    })
  }
  return result.kind === 'ended' ? result.exitCode : 0
}
