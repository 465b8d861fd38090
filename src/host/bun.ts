/**
 * What Bun, the runtime of the installed executable, has beside node's modules. The same through node:net and node:child_process costs
 * a cold start 5 ms: they are JavaScript, and bring streams along. Under Node (tests, a checkout) there is none of it.
 */

export interface BunSocket {
  /** The number of bytes that were taken; the rest must be offered again when the socket has drained. */
  write(bytes: Uint8Array): number
  /** Closes both ways at once. */
  terminate(): void
}

export interface BunSocketHandler {
  data(socket: BunSocket, chunk: Uint8Array): void
  drain(socket: BunSocket): void
  close(socket: BunSocket, error?: Error): void
  error(socket: BunSocket, error: Error): void
}

export interface BunChild {
  readonly exitCode: number | null
  readonly signalCode: string | null
  readonly exited: Promise<number>
  readonly stdout: AsyncIterable<Uint8Array> | number | null | undefined
  readonly stderr: AsyncIterable<Uint8Array> | number | null | undefined
  /** Ours, a socket, for each "pipe" beyond 2, by its number in the child. */
  readonly stdio: readonly (number | null)[]
  unref(): void
}

export interface Bun {
  /** fd: a descriptor that is a socket already. */
  connect(options: ({ unix: string } | { fd: number }) & { socket: BunSocketHandler }): Promise<BunSocket>
  spawn(argv: readonly string[], options: { cwd: string; env: Record<string, string>; stdio: readonly string[] }): BunChild
}

export const bun = (globalThis as { Bun?: Bun }).Bun
