/** Settings → ContainerConfig: which row becomes which field. Names agree, so most of it is collecting. */
import { personalityOf } from './codecs/kernel.ts'
import { autoFamily } from './codecs/mount.ts'
import { NAMESPACE_VALUES, type Namespace } from '../protocol/generated.ts'
import { CGROUP, LIMIT_SUBKEYS } from './schema/limits.ts'
import { CONSOLE } from './schema/console.ts'
import { HOOKS, HOOK_OPTIONS } from './schema/hooks.ts'
import { IDENTITY, LIFECYCLE } from './schema/identity.ts'
import { MOUNTS, NAMESPACES, NAMESPACE_SETS, NAMESPACE_SUBKEYS } from './schema/mounts.ts'
import { NETWORK } from './schema/network.ts'
import { CAP_KEEP, SECURITY } from './schema/security.ts'
import { netIndexOf } from './schema.ts'
import { collect, type Settings } from './settings.ts'
import type { ContainerConfig, HookCommand, NetConfig, Where } from './types.ts'

export function assemble(settings: Settings): ContainerConfig {
  const { arch, ...identity } = collect(settings, IDENTITY)
  const { rootfsOptions, mountAuto, ...mounts } = collect(settings, MOUNTS)
  return {
    ...identity,
    ...(arch === undefined ? {} : { arch, personality: personalityOf(arch) }),
    ...collect(settings, LIFECYCLE),
    ...namespaceSets(settings),
    ...collect(settings, NAMESPACES),
    ...mounts,
    rootfsOptions: rootfsOptions ?? [],
    mountAuto: lastOfEachFamily(mountAuto),
    ...collect(settings, CONSOLE),
    ...collect(settings, CGROUP),
    ...collect(settings, SECURITY),
    capKeep: capKeep(settings),
    ...subkeyed(settings),
    network: network(settings),
    hooks: hooks(settings),
    ...hookVersion(settings),
    own: own(settings),
  }
}

/** Each once, in the kernel's order; absent when none is named. */
function namespaceSets(settings: Settings): Pick<ContainerConfig, 'namespaceClone' | 'namespaceKeep'> {
  const { namespaceClone, namespaceKeep } = collect(settings, NAMESPACE_SETS)
  const ordered = (named: readonly Namespace[]): Namespace[] => NAMESPACE_VALUES.filter((name) => named.includes(name))
  return {
    ...(namespaceClone.length > 0 ? { namespaceClone: ordered(namespaceClone) } : {}),
    ...(namespaceKeep.length > 0 ? { namespaceKeep: ordered(namespaceKeep) } : {}),
  }
}

function lastOfEachFamily<T extends { token: string }>(tokens: readonly T[]): T[] {
  return tokens.filter((item, index) => !tokens.slice(index + 1).some((later) => autoFamily(later.token) === autoFamily(item.token)))
}

/** "none" empties what came before it, as LXC does. */
function capKeep(settings: Settings): string[] | null {
  const names = settings.list(CAP_KEEP.capKeep)
  return names.length === 0 ? null : names.slice(names.lastIndexOf('none') + 1)
}

function subkeyed(settings: Settings): Pick<ContainerConfig, 'namespaceShare' | 'cgroup' | 'prlimit' | 'sysctl' | 'proc'> {
  return {
    namespaceShare: settings.below(NAMESPACE_SUBKEYS.namespaceShare).flatMap(({ subkey, value, where }) => {
      const kind = NAMESPACE_VALUES.find((name): name is Namespace => name === subkey)
      return kind === undefined ? [] : [{ kind, target: value, where }]
    }),
    cgroup: settings.all.flatMap(({ key, row, raw, where }) => {
      const version = row === LIMIT_SUBKEYS.cgroup ? 1 : row === LIMIT_SUBKEYS.cgroup2 ? 2 : null
      return version === null ? [] : [{ version, file: key.slice(row.key.length + 1), value: raw, where }]
    }),
    prlimit: settings.below(LIMIT_SUBKEYS.prlimit).map(({ subkey, value, where }) => ({ resource: subkey, ...value, where })),
    sysctl: settings.below(LIMIT_SUBKEYS.sysctl).map(withKey),
    proc: settings.below(LIMIT_SUBKEYS.proc).map(withKey),
  }
}

function withKey({ subkey, value, where }: { subkey: string; value: string; where: Where }): ContainerConfig['sysctl'][number] {
  return { key: subkey, value, where }
}

/** In order of their numbers; without a type: empty, as in LXC. */
function network(settings: Settings): NetConfig[] {
  const first = new Map<number, NetConfig['where']>()
  for (const { key, where } of settings.all) {
    const index = netIndexOf(key)
    if (index !== null && !first.has(index)) first.set(index, where)
  }
  return [...first.entries()]
    .sort(([a], [b]) => a - b)
    .map(([index, where]) => {
      const fields = collect(settings, NETWORK, (key) => key.replace('lxc.net.N', `lxc.net.${index}`))
      return { index, where, type: 'empty', ...fields }
    })
}

function hooks(settings: Settings): Record<string, HookCommand[]> {
  return Object.fromEntries(
    Object.entries(HOOKS).map(([type, row]) => [type, settings.located(row).map(({ value, where }) => ({ command: value, where }))]),
  )
}

function hookVersion(settings: Settings): Pick<ContainerConfig, 'hookVersion'> {
  const version = settings.scalar(HOOK_OPTIONS.hookVersion)
  return version === undefined ? {} : { hookVersion: version === 1 ? 1 : 0 }
}

function own(settings: Settings): Record<string, string> {
  return Object.fromEntries(settings.all.filter(({ key }) => key.startsWith('tlxc.')).map(({ key, raw }) => [key, raw]))
}
