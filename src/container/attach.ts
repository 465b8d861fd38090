/** Runs a program inside a running container: this process becomes the native helper. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { attachEnvironment, attachRequest, type AttachOptions } from './attach-request.ts'
import { startedEnvironment } from './started-plan.ts'
import type { Container } from './store.ts'

/**
 * Resolves with the program's exit status (128+N for a signal) where the runtime cannot become another program; else never.
 * Throws TlxcError NOT_RUNNING, USAGE.
 */
export async function attachContainer(
  host: Host,
  container: Container,
  options: AttachOptions,
  callerEnv: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const socket = `${container.runDir}/command`
  const request = attachRequest(options, { name: container.name, socket })
  if (!host.fs.existsSync(socket)) {
    throw new TlxcError('NOT_RUNNING', `cannot attach to "${container.name}": it is not running`, { hint: `start it: tlxc-start ${container.name}` })
  }
  const env = attachEnvironment(options.environment, await containerEnvironment(host, container, options.rcfile, callerEnv), callerEnv)
  return await host.become(`${host.paths.libexec}/attach`, [JSON.stringify(request)], env)
}

async function containerEnvironment(
  host: Host,
  container: Container,
  rcfile: string | undefined,
  callerEnv: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[]> {
  if (rcfile === undefined) return startedEnvironment(host, container)
  const { loadContainerConfig } = await import('./load-config.ts')
  const entries = loadContainerConfig(host, container, rcfile).value.environment.map(({ entry }) => entry)
  return entries.map((entry) => (entry.includes('=') ? entry : `${entry}=${callerEnv[entry] ?? ''}`))
}
