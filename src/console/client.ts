/** One person at a console: streams between a terminal (or a pipe) and the monitor until either side leaves. */
import type { Output } from '../cli/command.ts'
import type { MonitorStream } from '../monitor/client.ts'
import { stepEscape } from './escape.ts'

export interface ConsoleOptions {
  /** Byte that begins an escape. */
  prefix: number
  /** Only looks; what is typed stays here, but for the escape. */
  watch: boolean
  /** Aborted: leave. */
  signal: AbortSignal
}

export type ConsoleEnd = 'detached' | 'hangup' | 'interrupted'

/** The terminal is as before when this resolves or rejects. */
export async function runConsole(stream: MonitorStream, stdin: NodeJS.ReadStream, stdout: Output, options: ConsoleOptions): Promise<ConsoleEnd> {
  let leave: (end: ConsoleEnd) => void = () => undefined
  const left = new Promise<ConsoleEnd>((resolve) => (leave = resolve))
  const onAbort = (): void => leave('interrupted')
  options.signal.addEventListener('abort', onAbort, { once: true })
  const restore = rawMode(stdin)
  const endResizes = options.watch ? (): void => undefined : passSizes(stream, stdout)
  const endInput = passInput(stream, stdin, options, () => leave('detached'))
  try {
    return await Promise.race([left, showOutput(stream, stdout)])
  } finally {
    restore()
    endInput()
    endResizes()
    options.signal.removeEventListener('abort', onAbort)
    stream.close()
  }
}

function rawMode(stdin: NodeJS.ReadStream): () => void {
  if (!stdin.isTTY) return () => undefined
  const before = stdin.isRaw
  stdin.setRawMode(true)
  return () => void stdin.setRawMode(before)
}

/** Body of a Z frame. */
function windowSize(rows: number, columns: number): Uint8Array {
  const body = new Uint8Array(4)
  const view = new DataView(body.buffer)
  view.setUint16(0, rows, true)
  view.setUint16(2, columns, true)
  return body
}

function passSizes(stream: MonitorStream, stdout: Output): () => void {
  const send = (): void => {
    if (stdout.rows > 0) stream.send('Z', windowSize(stdout.rows, stdout.columns))
  }
  return stdout.isTTY ? stdout.onResize(send) : () => undefined
}

/** The end of a pipe is a detach, so that `echo reboot | tlxc-console` comes back. */
function passInput(stream: MonitorStream, stdin: NodeJS.ReadStream, options: ConsoleOptions, detach: () => void): () => void {
  let armed = false
  const onData = (input: Uint8Array): void => {
    const step = stepEscape(armed, input, options.prefix)
    armed = step.armed
    if (step.forward.length > 0 && !options.watch) stream.send('D', step.forward)
    if (step.detach) onEnd()
  }
  const onEnd = (): void => {
    stream.send('Q')
    detach()
  }
  stdin.on('data', onData)
  stdin.once('end', onEnd)
  stdin.resume()
  return () => {
    stdin.off('data', onData)
    stdin.off('end', onEnd)
    stdin.pause()
  }
}

async function showOutput(stream: MonitorStream, stdout: Output): Promise<ConsoleEnd> {
  for (let frame = await stream.next(); frame; frame = await stream.next()) {
    if (frame.kind === 'D') stdout.write(frame.payload)
  }
  return 'hangup'
}
