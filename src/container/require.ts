/** Containers that commands need to be there. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { containerStatus } from './state.ts'
import { containerAt, isDefined, type Container } from './store.ts'

/**
 * running: defined or not, as a container of `tlxc-start -f` need not be. Throws TlxcError NAME, NOT_DEFINED, NOT_RUNNING.
 */
export async function requireContainer(
  host: Host,
  lxcpath: string,
  name: string,
  need: 'defined' | 'running',
  onKilled: (message: string) => void,
): Promise<Container> {
  const container = containerAt(host, lxcpath, name)
  const defined = isDefined(host, container)
  if (need === 'defined' && defined) return container
  if (await containerStatus(host, container, { onKilled })) return container
  throw defined ? notRunning(container) : notDefined(container)
}

export function notDefined(container: Container): TlxcError {
  return new TlxcError('NOT_DEFINED', `${container.name} doesn't exist`, {
    hint: `tlxc-ls -P ${container.lxcpath} shows the containers there; tlxc-create makes one`,
  })
}

export function notRunning(container: Container): TlxcError {
  return new TlxcError('NOT_RUNNING', `'${container.lxcpath}:${container.name}' is not running`, { hint: `start it: tlxc-start ${container.name}` })
}

/** Throws TlxcError NOT_DEFINED. Under the container's lock, where nobody can make or destroy it. */
export function requireDefined(host: Host, container: Container): void {
  if (!isDefined(host, container)) throw notDefined(container)
}
