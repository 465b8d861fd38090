/** Opens a console stream of a running container. */
import type { Output } from '../cli/command.ts'
import type { Host } from '../host/host.ts'
import { openStream, type MonitorAddress, type MonitorStream } from '../monitor/client.ts'

/** tty: 0 is /dev/console, -1 the first that is free. Throws TlxcError NOT_RUNNING, BUSY, UNSUPPORTED. */
export async function openConsole(host: Host, container: MonitorAddress, tty: number, stdout: Output, watch: boolean): Promise<{ stream: MonitorStream; tty: number }> {
  const size = !watch && stdout.isTTY && stdout.rows > 0 ? { rows: stdout.rows, cols: stdout.columns } : {}
  const stream = await openStream(host, container, { op: 'console', tty, watch, ...size })
  return { stream, tty: stream.reply.tty ?? tty }
}
