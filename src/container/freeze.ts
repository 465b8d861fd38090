/** Freezing and thawing; the monitor answers when every process is where it should be. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { expectOk, request } from '../monitor/client.ts'
import type { Container } from './store.ts'

/** A process in an uninterruptible wait can keep a v1 cgroup FREEZING for ever. */
const FREEZE_TIMEOUT_MS = 30_000

/** Throws TlxcError NOT_RUNNING, TIMEOUT (it is thawed again: nothing stays half frozen). */
export async function freezeContainer(host: Host, container: Container, timeoutMs = FREEZE_TIMEOUT_MS): Promise<void> {
  try {
    expectOk(await request(host, container, { op: 'freeze', timeout_ms: timeoutMs }), 'freeze', container.name)
  } catch (error) {
    if (!(error instanceof TlxcError) || error.code !== 'TIMEOUT') throw error
    await unfreezeContainer(host, container)
    throw new TlxcError('TIMEOUT', `cannot freeze "${container.name}": a process did not freeze within ${timeoutMs / 1000} seconds`, {
      hint: 'it was thawed again; look for processes in state D: ps -eo pid,stat,wchan:30,cmd',
      cause: error,
    })
  }
}

/** Throws TlxcError NOT_RUNNING, TIMEOUT. */
export async function unfreezeContainer(host: Host, container: Container, timeoutMs = FREEZE_TIMEOUT_MS): Promise<void> {
  expectOk(await request(host, container, { op: 'unfreeze', timeout_ms: timeoutMs }), 'unfreeze', container.name)
}
