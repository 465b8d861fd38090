/** One request a connection to a monitor's command socket; streams (console, subscribe) go on after the reply. */
import { errnoOf, TlxcError, type ErrorCode } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { decodeStruct } from '../protocol/decode.ts'
import { PROTOCOL_VERSION, type Event, type Reply, type Request } from '../protocol/generated.ts'
import { decodeJson, encodeFrame, encodeJson, FrameDecoder, type Frame, type FrameKind } from './frame.ts'

/** What is needed to find a monitor; a Container is one. */
export interface MonitorAddress {
  readonly name: string
  readonly runDir: string
}

export type RequestBody = Omit<Request, 'version'>

export interface MonitorStream {
  /** What the monitor answered; ok is true. */
  readonly reply: Reply
  /** The next frame; null when the monitor has closed the stream. */
  next(): Promise<Frame | null>
  send(kind: FrameKind, payload?: Uint8Array): void
  close(): void
}

/**
 * Sends one request and waits for the reply, whatever it says; see expectOk.
 * Throws TlxcError NOT_RUNNING (nobody listens; cause: the system error), PERMISSION, MONITOR (it broke off), UNSUPPORTED (no known reply).
 */
export async function request(host: Host, monitor: MonitorAddress, body: RequestBody): Promise<Reply> {
  const channel = await openChannel(host, monitor)
  try {
    return await ask(channel, monitor, body)
  } finally {
    channel.close()
  }
}

/** Like request, but the connection stays open. Throws also when the monitor refuses (see expectOk). */
export async function openStream(host: Host, monitor: MonitorAddress, body: RequestBody): Promise<MonitorStream> {
  const channel = await openChannel(host, monitor)
  try {
    const reply = expectOk(await ask(channel, monitor, body), `open ${body.op} of`, monitor.name)
    return { reply, next: () => channel.next(), send: (kind, payload) => channel.send(encodeFrame(kind, payload)), close: () => channel.close() }
  } catch (error) {
    channel.close()
    throw error
  }
}

/** Changes of state until the container is gone; leaving the loop closes the connection. The subscription stands when this resolves. */
export async function subscribe(
  host: Host,
  monitor: MonitorAddress,
  options: { history?: boolean } = {},
): Promise<AsyncGenerator<Event, void, void> & { close(): void }> {
  const stream = await openStream(host, monitor, { op: 'subscribe', history: options.history ?? false })
  return Object.assign(events(stream), { close: () => stream.close() })
}

/** The reply if it is ok, else throws a TlxcError "cannot VERB "NAME": MESSAGE" with the code that belongs to reply.error. */
export function expectOk(reply: Reply, verb: string, name: string): Reply {
  if (reply.ok) return reply
  const code = ERROR_CODES[reply.error ?? ''] ?? 'MONITOR'
  const hint =
    reply.error === 'version' ? { hint: OUTLIVED } : {}
  throw new TlxcError(code, `cannot ${verb} "${name}": ${reply.message ?? reply.error ?? 'the monitor refused'}`, hint)
}

/** Monitors outlive upgrades. */
const OUTLIVED = 'its monitor is of another version of tlxc: shut the container down from inside, or kill the monitor, and start it again'

const ERROR_CODES: Readonly<Record<string, ErrorCode>> = {
  busy: 'BUSY',
  'no-tty': 'BUSY',
  'not-running': 'NOT_RUNNING',
  'no-console': 'UNSUPPORTED',
  timeout: 'TIMEOUT',
  version: 'UNSUPPORTED',
}

async function* events(stream: MonitorStream): AsyncGenerator<Event, void, void> {
  try {
    for (let frame = await stream.next(); frame; frame = await stream.next()) {
      const event = eventOf(frame)
      if (event) yield event
    }
  } finally {
    stream.close()
  }
}

/** null for one that a newer monitor has and we do not know. */
function eventOf(frame: Frame): Event | null {
  try {
    return decodeStruct('Event', decodeJson(frame))
  } catch {
    return null
  }
}

interface Channel {
  next(): Promise<Frame | null>
  send(bytes: Uint8Array): void
  close(): void
}

async function ask(channel: Channel, monitor: MonitorAddress, body: RequestBody): Promise<Reply> {
  channel.send(encodeJson({ version: PROTOCOL_VERSION, ...body }))
  let frame: Frame | null
  try {
    frame = await channel.next()
  } catch (error) {
    throw brokenOff(monitor, error)
  }
  if (!frame) throw brokenOff(monitor, undefined)
  try {
    return decodeStruct('Reply', decodeJson(frame))
  } catch (error) {
    throw new TlxcError('UNSUPPORTED', `cannot understand the monitor of "${monitor.name}": ${error instanceof Error ? error.message : 'bad reply'}`, {
      hint: OUTLIVED,
      cause: error,
    })
  }
}

function brokenOff(monitor: MonitorAddress, cause: unknown): TlxcError {
  return new TlxcError('MONITOR', `cannot talk to the monitor of "${monitor.name}": it closed the connection`, { cause })
}

async function openChannel(host: Host, monitor: MonitorAddress): Promise<Channel> {
  const inbox = new Inbox()
  try {
    const connection = await host.connect(`${monitor.runDir}/command`, {
      onData: (chunk) => {
        // What cannot be understood ends the stream.
        if (!inbox.push(chunk)) connection.close()
      },
      onEnd: (error) => inbox.cut(error),
    })
    return {
      next: () => inbox.next(),
      send: (bytes) => connection.write(bytes),
      close: () => {
        connection.close()
        inbox.end()
      },
    }
  } catch (error) {
    throw explainConnect(error, monitor)
  }
}

function explainConnect(error: unknown, monitor: MonitorAddress): unknown {
  const errno = errnoOf(error)
  if (errno === 'ENOENT' || errno === 'ECONNREFUSED') {
    return new TlxcError('NOT_RUNNING', `cannot reach "${monitor.name}": it is not running`, { cause: error, hint: `start it: tlxc-start ${monitor.name}` })
  }
  // It ended while the connection waited in its queue.
  if (errno === 'ECONNRESET') return brokenOff(monitor, error)
  if (errno === 'EACCES' || errno === 'EPERM') {
    return new TlxcError('PERMISSION', `Insufficent privileges to control ${monitor.name}`, { cause: error, hint: 'run it as root or as the owner of the container' })
  }
  return error
}

/** Frames that have come and are not taken yet. */
class Inbox {
  readonly #decoder = new FrameDecoder()
  readonly #frames: Frame[] = []
  #ended = false
  #failure: Error | null = null
  #wake: (() => void) | null = null

  /** false: the stream is lost. */
  push(chunk: Uint8Array): boolean {
    try {
      this.#frames.push(...this.#decoder.push(chunk))
      this.#signal()
      return true
    } catch (error) {
      this.#finish(error instanceof Error ? error : new Error(String(error)))
      return false
    }
  }

  /** The other side has ended it. */
  cut(error?: Error): void {
    this.#finish(error ?? (this.#decoder.isTorn ? new Error('the stream ended inside a frame') : null))
  }

  /** We have. */
  end(): void {
    this.#finish(null)
  }

  /** null at the end. Throws when the stream broke. */
  async next(): Promise<Frame | null> {
    while (this.#frames.length === 0 && !this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve))
    const frame = this.#frames.shift()
    if (frame) return frame
    if (this.#failure) throw this.#failure
    return null
  }

  #finish(failure: Error | null): void {
    if (this.#ended) return
    this.#ended = true
    this.#failure = failure
    this.#signal()
  }

  #signal(): void {
    this.#wake?.()
    this.#wake = null
  }
}
