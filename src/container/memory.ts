/** Containers of tlxc-copy -t: what they write lies in memory, where nothing but the container itself reaches it. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Stack } from '../storage/stack.ts'
import type { Container } from './store.ts'

/** The first Linux that maps the ids of a tmpfs (FS_ALLOW_IDMAP in mm/shmem.c). */
const MAPS_TMPFS = [6, 3] as const

/** LXC's words, for each way of asking for something else than layers. */
export function onlyLayersInMemory(): TlxcError {
  return new TlxcError('USAGE', 'A container can only be placed on a tmpfs when the overlay storage driver is used', { hint: 'leave -t out, or copy it to layers once: tlxc-copy -N NEW -B overlay' })
}

/** Before anything is made: its start would fail. Throws TlxcError KERNEL. */
export function requireMappedTmpfs(host: Host, container: Container, unprivileged: boolean): void {
  const { kernel: [major, minor] } = host.facts()
  if (!unprivileged || major > MAPS_TMPFS[0] || (major === MAPS_TMPFS[0] && minor >= MAPS_TMPFS[1])) return
  throw new TlxcError('KERNEL', `cannot keep a clone of "${container.name}" in memory: Linux ${major}.${minor} does not map the ids of a tmpfs`, {
    hint: `Linux ${MAPS_TMPFS.join('.')} and newer do; or leave -t out`,
  })
}

/** The caller knows that it is running. Throws TlxcError UNSUPPORTED. */
export function requireOnDisk(container: Container, stack: Stack, verb: string): void {
  if (stack.memory !== true) return
  throw new TlxcError('UNSUPPORTED', `cannot ${verb} "${container.name}": what it changes lies in memory (tlxc-copy -t)`, { hint: 'make such a clone without -t: its changes are on disk until it stops' })
}
