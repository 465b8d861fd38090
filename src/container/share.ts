/** Namespaces that a container takes over from a process or from another container. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { ContainerConfig } from '../config/types.ts'
import type { Namespace } from '../protocol/generated.ts'
import { runningStatus } from './state.ts'
import { containerAt, type Container } from './store.ts'

export interface SharedFile {
  kind: Namespace
  /** A namespace file: /proc/PID/ns/KIND */
  target: string
}

/** Of lxc.namespace.share.* and, over them, of --share-*. Throws TlxcError NOT_RUNNING, USAGE. */
export async function sharedNamespaces(host: Host, container: Container, config: ContainerConfig, options: readonly SharedFile[]): Promise<SharedFile[]> {
  const wanted = new Map<Namespace, string>()
  for (const { kind, target } of [...config.namespaceShare, ...options]) wanted.set(kind, target)
  return await Promise.all([...wanted].map(async ([kind, target]) => ({ kind, target: await namespaceFile(host, container, kind, target) })))
}

async function namespaceFile(host: Host, container: Container, kind: Namespace, target: string): Promise<string> {
  const pid = /^\d+$/.test(target) ? Number(target) : await initOf(host, container, target)
  const file = `/proc/${pid}/ns/${kind}`
  if (host.fs.existsSync(file)) return file
  throw new TlxcError('NOT_RUNNING', `cannot share the ${kind} namespace of "${target}": there is no such process`, { hint: 'give the id of a process, or the name of a running container' })
}

/** NAME is beside the container, /PATH/NAME anywhere. */
async function initOf(host: Host, container: Container, target: string): Promise<number> {
  const slash = target.lastIndexOf('/')
  const other = slash < 0 ? containerAt(host, container.lxcpath, target) : containerAt(host, target.slice(0, slash) || '/', target.slice(slash + 1))
  return (await runningStatus(host, other)).init_pid
}
