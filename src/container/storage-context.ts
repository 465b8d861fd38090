/** What changing a container's storage needs of a command's context. */
import type { Host } from '../host/host.ts'

export interface StorageContext {
  readonly host: Host
  readonly lockTimeoutMs: number
  readonly log: { warn(message: string): void }
  /** Ends what copies data; what is done or undone with its result is not interrupted. */
  readonly signal?: AbortSignal
}
