/** What planning a start needs beside the configuration: files that it names, where its root filesystem is, the machine. */
import { dirname } from 'node:path'
import type { ContainerConfig } from '../config/types.ts'
import type { SystemConfig } from '../config/system-config.ts'
import { TlxcError, errnoOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { HostFacts } from '../launch/host-facts.ts'
import type { LaunchInput } from '../launch/input.ts'
import { poolAbove } from '../storage/pool.ts'
import { findStorage, unsupportedStorage } from '../storage/registry.ts'
import { readStack } from '../storage/stack.ts'
import { viewOf } from '../storage/view.ts'
import { madeOf } from './made.ts'
import type { SharedFile } from './share.ts'
import type { StartOptions } from './start-options.ts'
import type { Container } from './store.ts'

export interface StartInputs {
  host: Host
  facts: HostFacts
  container: Container
  configFile: string
  config: ContainerConfig
  system: SystemConfig
  options: StartOptions
  share: readonly SharedFile[]
  env: Readonly<Record<string, string | undefined>>
}

/** Throws TlxcError CONFIG for a file that cannot be read, UNSUPPORTED for a kind of storage that this version has not. */
export function launchInput({ host, facts, container, configFile, config, system, options, share, env }: StartInputs): LaunchInput {
  const made = config.ephemeral === true ? madeOf(host, container.dir) : null
  return {
    name: container.name,
    ...(made === null ? {} : { made }),
    lxcpath: container.lxcpath,
    paths: host.paths,
    configFile,
    config,
    facts,
    // Terminals among the caller's streams are replaced by the console; files and pipes stay, as with lxc-execute.
    options: { ...options, share, stdio: options.foreground ? 'inherit' : 'console' },
    env,
    ...namedFile(host, 'fstab', 'lxc.mount.fstab', config.mountFstab),
    ...namedFile(host, 'seccomp', 'lxc.seccomp.profile', config.seccompProfile),
    rootfs: rootfsOf(host, container, config),
    system: {
      ...(system.cgroupPattern === undefined ? {} : { cgroupPattern: system.cgroupPattern }),
      ...(system.cgroupUse === undefined ? {} : { cgroupUse: system.cgroupUse }),
    },
    random: Math.random,
  }
}

function namedFile<K extends 'fstab' | 'seccomp'>(host: Host, field: K, key: string, file: string | undefined): { [P in K]?: { text: string; file: string } } {
  if (file === undefined || file === '') return {}
  try {
    return { [field]: { text: host.fs.readFileSync(file, 'utf8'), file } } as { [P in K]?: { text: string; file: string } }
  } catch (error) {
    throw new TlxcError('CONFIG', `cannot read "${file}": ${errnoOf(error) ?? 'it failed'}`, { hint: `correct ${key}, or clear it: "${key} ="`, cause: error })
  }
}

function rootfsOf(host: Host, container: Container, config: ContainerConfig): LaunchInput['rootfs'] {
  const { rootfs } = config
  if (rootfs === undefined) return { path: null, idmap: false }
  if (findStorage(rootfs.type) === undefined) throw unsupportedStorage(rootfs.type)
  if (!host.fs.existsSync(rootfs.path)) {
    throw new TlxcError('STORAGE', `there is no root filesystem at "${rootfs.path}" (${rootfs.where.file}:${rootfs.where.line})`, {
      hint: 'correct lxc.rootfs.path, or create the container anew',
    })
  }
  const idmap = config.rootfsOptions.includes('idmap=container')
  // With -f it may be the root file system of another container.
  const directory = dirname(rootfs.path)
  const stack = rootfs.path === viewOf(directory) ? readStack(host, directory) : null
  if (stack === null) return { path: rootfs.path, idmap }
  const { upper, lowers, memory = false } = stack
  const volatile = config.ephemeral === true && config.rootfsManaged !== false && directory === container.dir
  const overlay = { pool: poolAbove(host, directory), lowers: [...lowers], upper, volatile, memory, view: rootfs.path }
  return { path: rootfs.path, idmap, overlay }
}
