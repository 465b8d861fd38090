/** An init that ends at once, as one whose libraries are missing does: that is a start that failed. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { subscribe } from '../monitor/client.ts'
import type { Event, Report } from '../protocol/generated.ts'
import type { Container } from './store.ts'

/** Long enough for a loader to find out that a library is missing; short enough to wait at each start. */
const GLANCE_MS = 3
/** For the monitor to put everything away. */
const CLEANUP_MS = 5000

/** Throws TlxcError START when init has ended within a moment of `since` (milliseconds of host.now()); the container is gone then. */
export async function requireLasting(host: Host, container: Container, since: number): Promise<void> {
  let events: Awaited<ReturnType<typeof subscribe>>
  try {
    events = await subscribe(host, container, { history: true })
  } catch (error) {
    if (error instanceof TlxcError && (error.code === 'NOT_RUNNING' || error.code === 'MONITOR')) throw await startFailure(container.name, { ok: false, code: 'init' })
    throw error
  }
  const ended = await within(Math.max(0, since + GLANCE_MS - host.now()), endOf(events))
  events.close()
  if (ended === undefined) return
  await gone(host, container)
  throw await startFailure(container.name, { ok: false, code: 'init', ...(ended.status === undefined ? {} : { exit_status: ended.status }) })
}

/** The texts of what may go wrong are loaded when it has. */
export async function startFailure(name: string, report: Report): Promise<TlxcError> {
  return (await import('./start-errors.ts')).explainStart(name, report)
}

/** Resolves when init has ended: with its wait status, if it was told. */
async function endOf(events: AsyncIterable<Event>): Promise<{ status: number | undefined }> {
  for await (const event of events) {
    if (typeof event.exit_status === 'number') return { status: event.exit_status }
    if (event.state === 'STOPPED' || event.state === 'STOPPING') return { status: undefined }
  }
  return { status: undefined }
}

async function gone(host: Host, container: Container): Promise<void> {
  const deadline = host.now() + CLEANUP_MS
  while (host.fs.existsSync(container.runDir) && host.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), milliseconds)))
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
