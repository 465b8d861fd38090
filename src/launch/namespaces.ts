/** Which namespaces are made, shared, or left as the host's: lxc.namespace.*, lxc.idmap, lxc.net.N.type = none. */
import type { ContainerConfig } from '../config/types.ts'
import { TlxcError } from '../errors.ts'
import { NAMESPACE_VALUES, type Namespace, type Namespaces, type SharedNamespace } from '../protocol/generated.ts'
import type { HostFacts } from './host-facts.ts'
import { at, type LaunchInput } from './input.ts'

export function planNamespaces(input: LaunchInput): Namespaces {
  const { config, facts } = input
  const share = shared(input)
  const wanted = requested(config, facts)
  const clone = wanted.filter((kind) => !share.some((other) => other.kind === kind))
  requireSupport(clone, share, config, facts)
  return {
    clone,
    share,
    boot_offset_ns: clone.includes('time') ? config.timeOffsetBoot : undefined,
    monotonic_offset_ns: clone.includes('time') ? config.timeOffsetMonotonic : undefined,
  }
}

/** True when the container uses the host's network: type none is the only device. No lxc.net at all means a new, empty network. */
export function sharesHostNetwork(config: ContainerConfig): boolean {
  return config.network.length > 0 && config.network.every((device) => device.type === 'none')
}

function requested(config: ContainerConfig, facts: HostFacts): Namespace[] {
  const { namespaceClone: clone, namespaceKeep: keep } = config
  if (clone !== undefined && keep !== undefined) {
    throw new TlxcError('CONFIG', 'cannot plan the namespaces: lxc.namespace.clone and lxc.namespace.keep exclude each other', {
      hint: 'keep one of the two',
    })
  }
  if (clone !== undefined) return NAMESPACE_VALUES.filter((kind) => kind === 'mnt' || clone.includes(kind))
  if (keep?.includes('mnt')) {
    throw new TlxcError('UNSUPPORTED', 'cannot keep the mount namespace of the host: a container always has its own', {
      hint: 'take mnt out of lxc.namespace.keep',
    })
  }
  return NAMESPACE_VALUES.filter((kind) => !keep?.includes(kind) && isDefault(kind, config, facts))
}

function isDefault(kind: Namespace, config: ContainerConfig, facts: HostFacts): boolean {
  if (kind === 'user') return config.idmap.length > 0
  if (kind === 'net') return !sharesHostNetwork(config)
  if (kind === 'cgroup') return facts.cgroupNamespaces
  if (kind === 'time') return config.timeOffsetBoot !== undefined || config.timeOffsetMonotonic !== undefined
  return true
}

function shared(input: LaunchInput): SharedNamespace[] {
  const found = new Map<Namespace, string>()
  for (const { kind, target, where } of input.config.namespaceShare) {
    if (kind === 'user') throw noSharedUser(at(where))
    const given = input.options.share.some((option) => option.kind === kind)
    if (!given) found.set(kind, namespaceFile(kind, target, at(where)))
  }
  for (const { kind, target } of input.options.share) found.set(kind, target)
  return [...found].map(([kind, path]) => ({ kind, path }))
}

/** What init makes and mounts belongs to namespaces of its own, over which a joined user namespace gives it no power. */
function noSharedUser(place: string): TlxcError {
  return new TlxcError('UNSUPPORTED', `cannot share a user namespace (${place}): this version of tlxc does not act on lxc.namespace.share.user`, {
    hint: 'remove the line; with the same lxc.idmap lines both containers have the same ids',
  })
}

function namespaceFile(kind: Namespace, target: string, place: string): string {
  if (/^[1-9]\d*$/.test(target)) return `/proc/${target}/ns/${kind}`
  if (/^\/proc\/|^\/run\//.test(target)) return target
  throw new TlxcError('CONFIG', `cannot share the ${kind} namespace of "${target}" (${place}): no such container is running`, {
    hint: `start "${target}" first`,
  })
}

function requireSupport(clone: readonly Namespace[], share: readonly SharedNamespace[], config: ContainerConfig, facts: HostFacts): void {
  if (clone.includes('user') && !facts.userNamespaces) {
    throw new TlxcError('KERNEL', 'cannot use lxc.idmap: user namespaces are switched off on this machine', {
      hint: 'sysctl user.max_user_namespaces=15000, or a kernel with CONFIG_USER_NS',
    })
  }
  if (clone.includes('user') && config.idmap.length === 0) {
    throw new TlxcError('CONFIG', 'cannot make a user namespace: lxc.namespace.clone has "user" but there is no lxc.idmap', {
      hint: 'add lxc.idmap lines, or take "user" out',
    })
  }
  if (config.idmap.length > 0 && !clone.includes('user') && !share.some((other) => other.kind === 'user')) {
    throw new TlxcError('CONFIG', 'cannot use lxc.idmap: the user namespace is kept by lxc.namespace.*', {
      hint: 'add "user" to lxc.namespace.clone, or remove lxc.idmap',
    })
  }
  if (clone.includes('time') && !facts.timeNamespaces) {
    throw new TlxcError('KERNEL', 'cannot set lxc.time.offset: this kernel has no time namespaces', {
      hint: 'remove the key, or use Linux 5.6 or later',
    })
  }
  if (clone.includes('cgroup') && !facts.cgroupNamespaces) {
    throw new TlxcError('KERNEL', 'cannot make a cgroup namespace: this kernel has none', {
      hint: 'take "cgroup" out of lxc.namespace.clone',
    })
  }
}
