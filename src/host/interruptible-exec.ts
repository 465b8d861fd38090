/** A host whose programs end with the command that runs them; for the copying of data, not for what brings things in order afterwards. */
import type { Host } from './host.ts'

export function interruptibleExec(host: Host, signal: AbortSignal | undefined): Host {
  if (signal === undefined) return host
  return {
    ...host,
    exec: async (file, args, options) => {
      try {
        return await host.exec(file, args, { ...options, signal })
      } catch (error) {
        throw signal.aborted ? signal.reason : error
      }
    },
  }
}
