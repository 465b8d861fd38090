/** A monitor that runs in the test: a UNIX socket at RUN_DIR/command that answers as the test says. */
import { mkdirSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { decodeJson, encodeJson, FrameDecoder } from '../../src/monitor/frame.ts'
import { PROTOCOL_VERSION, type Event, type Reply, type Request, type State, type Status } from '../../src/protocol/generated.ts'

export interface FakeMonitor {
  readonly requests: Request[]
  /** Sends an event to all subscribers. */
  emit(event: Partial<Event>): void
  /** Stops listening and closes every connection; the socket file stays when `leaveSocket` (as after SIGKILL). */
  close(): Promise<void>
}

type Answer = (request: Request, socket: Socket) => Partial<Reply> | null

export function makeStatus(name: string, lxcpath: string, over: Partial<Status> = {}): Status {
  return {
    version: PROTOCOL_VERSION,
    name,
    lxcpath,
    state: 'RUNNING',
    monitor_pid: 4000,
    monitor_start: 1,
    init_pid: 4001,
    started: 1,
    cgroups: [],
    host_interfaces: [],
    interfaces: [],
    ttys: 0,
    ...over,
  }
}

/** Answers `status` with that status and everything else with ok; `answer` may decide first (null: default). */
export async function startFakeMonitor(runDir: string, status: Status | State, answer: Answer = () => null): Promise<FakeMonitor> {
  mkdirSync(runDir, { recursive: true })
  const name = runDir.slice(runDir.lastIndexOf('/') + 1)
  const full = typeof status === 'string' ? makeStatus(name, '/l', { state: status }) : status
  const requests: Request[] = []
  const sockets = new Set<Socket>()
  const subscribers = new Set<Socket>()
  const server: Server = createServer((socket) => {
    const decoder = new FrameDecoder()
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      for (const frame of decoder.push(chunk)) {
        const request = decodeJson(frame) as Request
        requests.push(request)
        const reply = answer(request, socket) ?? (request.op === 'status' ? { status: full } : {})
        if (request.op === 'subscribe') subscribers.add(socket)
        if (!socket.destroyed) socket.write(encodeJson({ ok: true, ...reply }))
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(`${runDir}/command`, resolve))
  return {
    requests,
    emit: (event) => {
      for (const socket of subscribers) socket.write(encodeJson({ name, lxcpath: '/l', time: 1, ...event }))
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
