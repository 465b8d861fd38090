/** Listens to all monitors of some lxcpaths through a FIFO (src/protocol/README.md, "Events"): no daemon, no polling. */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { eventsDir } from '../host/paths.ts'
import { decodeStruct } from '../protocol/decode.ts'
import type { Event } from '../protocol/generated.ts'
import { randomHex } from '../random.ts'

export interface EventListener {
  /** The next event in order of arrival; null after wake() or close(). One caller at a time. */
  next(): Promise<Event | null>
  /** Makes next() give null once. */
  wake(): void
  readonly closed: boolean
  /** Takes the FIFO away. */
  close(): void
}

/**
 * Monitors write from the moment this resolves. onStrange gets a line about each one that a monitor of another version wrote and that
 * says nothing to us. Throws TlxcError PERMISSION when the run directory is not ours to write.
 */
export async function listenEvents(host: Host, lxcpaths: readonly string[], onStrange: (message: string) => void): Promise<EventListener> {
  const name = `${host.pid}-${randomHex(4)}`
  const paths = [...new Set(lxcpaths.map((lxcpath) => `${eventsDir(host.paths, lxcpath)}/${name}`))]
  return listenerOn(host, await openFifo(host, paths), paths, onStrange)
}

/**
 * One FIFO, linked into every directory: one read serves all of them. Opened under a hidden name, which monitors leave alone: a FIFO
 * that nobody has open is a dead listener's to them, and they remove it.
 */
async function openFifo(host: Host, paths: readonly string[]): Promise<number> {
  const [first = ''] = paths
  const slash = first.lastIndexOf('/') + 1
  const hidden = `${first.slice(0, slash)}.${first.slice(slash)}`
  try {
    for (const path of paths) host.fs.mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new TlxcError(errnoOf(error) === 'EACCES' ? 'PERMISSION' : 'IO', `cannot listen to "${first}": ${errnoOf(error) ?? 'it failed'}`, {
      hint: 'run it as root',
      cause: error,
    })
  }
  const { exitCode, stderr } = await host.exec('mkfifo', ['-m', '600', hidden])
  if (exitCode !== 0) throw new TlxcError('IO', `cannot make the FIFO "${first}": ${stderr.trim()}`, { hint: 'look at the space and permissions of /run' })
  try {
    // O_RDWR: the open does not wait for a writer, the FIFO never ends, and our own byte can end a pending read (fifo(7)).
    const fd = host.fs.openSync(hidden, 'r+')
    for (const path of paths) host.fs.linkSync(hidden, path)
    return fd
  } catch (error) {
    removeAll(host, paths)
    throw error
  } finally {
    host.fs.rmSync(hidden, { force: true })
  }
}

function listenerOn(host: Host, fd: number, paths: readonly string[], onStrange: (message: string) => void): EventListener {
  const buffer = Buffer.alloc(65536)
  const events: Event[] = []
  let rest = ''
  let reading = false
  let woken = false
  let closed = false

  /** A blocking read on a thread of the runtime; only a byte in the FIFO ends it. */
  const read = async (): Promise<void> => {
    reading = true
    const length = await new Promise<number>((resolve, reject) => {
      host.fs.read(fd, buffer, 0, buffer.length, null, (error, count) => (error ? reject(error) : resolve(count)))
    })
    reading = false
    if (closed) return host.fs.closeSync(fd)
    const lines = (rest + buffer.toString('utf8', 0, length)).split('\n')
    rest = lines.pop() ?? ''
    events.push(...lines.flatMap((line) => parseLine(line, onStrange)))
  }
  const endRead = (): void => {
    if (reading) host.fs.writeSync(fd, '\n')
  }
  return {
    get closed() {
      return closed
    },
    async next() {
      for (;;) {
        const event = events.shift()
        if (event) return event
        if (closed) return null
        if (woken) {
          woken = false
          return null
        }
        await read()
      }
    },
    wake() {
      woken = true
      endRead()
    },
    close() {
      if (closed) return
      closed = true
      removeAll(host, paths)
      if (reading) endRead()
      else host.fs.closeSync(fd)
    },
  }
}

function parseLine(line: string, onStrange: (message: string) => void): Event[] {
  if (line === '') return []
  try {
    return [decodeStruct('Event', JSON.parse(line))]
  } catch (error) {
    onStrange(`skipping an event that this version of tlxc does not know (${error instanceof Error ? error.message : 'not readable'})`)
    return []
  }
}

function removeAll(host: Host, paths: readonly string[]): void {
  for (const path of paths) host.fs.rmSync(path, { force: true })
}
