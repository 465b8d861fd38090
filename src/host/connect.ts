/** UNIX stream sockets of clients. */
import { bun, type Bun, type BunSocket } from './bun.ts'
import type { Connection, ConnectionEvents } from './host.ts'

/** Rejects with the system error (ECONNREFUSED, ENOENT, EACCES). */
export async function connectUnix(path: string, events: ConnectionEvents): Promise<Connection> {
  return bun === undefined ? await throughNet(path, events) : await throughBun(bun, path, events)
}

async function throughNet(path: string, events: ConnectionEvents): Promise<Connection> {
  const net = await import('node:net')
  return await new Promise((resolve, reject) => {
    const socket = net.createConnection({ path })
    const end = endOnce(events)
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      socket.on('data', (chunk: Uint8Array) => events.onData(chunk))
      socket.on('error', (error: Error) => end.now(error))
      socket.on('end', () => end.now())
      socket.on('close', () => end.now())
      resolve({
        write: (bytes) => void socket.write(bytes),
        close: () => {
          end.never()
          socket.destroy()
        },
      })
    })
  })
}

async function throughBun(runtime: Bun, path: string, events: ConnectionEvents): Promise<Connection> {
  const end = endOnce(events)
  const waiting: Uint8Array[] = []
  const flush = (socket: BunSocket): void => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const taken = socket.write(next)
      if (taken < next.length) {
        waiting[0] = next.subarray(Math.max(taken, 0))
        return
      }
      waiting.shift()
    }
  }
  const socket = await runtime.connect({
    unix: path,
    socket: {
      data: (_, chunk) => events.onData(chunk),
      drain: flush,
      close: (_, error) => end.now(error),
      error: (_, error) => end.now(error),
    },
  })
  return {
    write: (bytes) => {
      waiting.push(bytes)
      if (waiting.length === 1) flush(socket)
    },
    close: () => {
      end.never()
      socket.terminate()
    },
  }
}

/** A broken socket has an error and then a close; one that we closed ourselves has nothing to say. */
function endOnce(events: ConnectionEvents): { now: (error?: Error) => void; never: () => void } {
  let over = false
  return {
    now: (error) => {
      if (over) return
      over = true
      events.onEnd(error)
    },
    never: () => {
      over = true
    },
  }
}
