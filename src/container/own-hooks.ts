/** lxc.hook.destroy and lxc.hook.clone, which the commands themselves run, with LXC's arguments and environment. */
import type { ContainerConfig } from '../config/types.ts'
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Container } from './store.ts'

export interface OwnHook {
  type: 'destroy' | 'clone'
  /** For messages: "destroy". */
  verb: string
  /** clone: the original. */
  source?: string
  /** More arguments of the person, after LXC's. */
  args?: readonly string[]
}

/** Throws TlxcError EXEC when one fails, naming its line. */
export async function runOwnHooks(host: Host, container: Container, config: ContainerConfig, { type, verb, source, args: extra = [] }: OwnHook): Promise<void> {
  for (const { command, where } of config.hooks[type] ?? []) {
    const version = config.hookVersion ?? 0
    const args = [...(version === 0 ? [container.name, 'lxc', type] : []), ...extra]
    const env = { ...environment(container, config, type, version), ...(source === undefined ? {} : { LXC_SRC_NAME: source }) }
    // The value is a shell command by LXC's definition; what tlxc adds goes in as arguments, not as text.
    const result = await host.exec('/bin/sh', ['-c', `exec ${command} "$@"`, 'sh', ...args], { env })
    if (result.exitCode === 0) continue
    const reason = result.stderr.trim().split('\n').at(-1)
    throw new TlxcError('EXEC', `cannot ${verb} "${container.name}": hook "${command}" failed${reason ? `: ${reason}` : ''}`, {
      hint: `it is set at ${where.file}:${where.line}`,
    })
  }
}

/** As with LXC: hooks find these names, and with version 1 the type as well. */
function environment(container: Container, config: ContainerConfig, type: string, version: number): Record<string, string> {
  const rootfs = config.rootfs ? { LXC_ROOTFS_PATH: `${config.rootfs.type}:${config.rootfs.path}` } : {}
  // A clone hook works on the files of the new container, which are seen there.
  const mount = type === 'clone' ? config.rootfs?.path : config.rootfsMount
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LXC_NAME: container.name,
    LXC_CONFIG_FILE: container.configFile,
    ...rootfs,
    ...(mount === undefined ? {} : { LXC_ROOTFS_MOUNT: mount }),
    ...(config.consolePath === undefined ? {} : { LXC_CONSOLE: config.consolePath }),
    ...(config.consoleLogfile === undefined ? {} : { LXC_CONSOLE_LOGPATH: config.consoleLogfile }),
    LXC_CGNS_AWARE: '1',
    LXC_HOOK_VERSION: String(version),
    ...(version === 0 ? {} : { LXC_HOOK_TYPE: type, LXC_HOOK_SECTION: 'lxc' }),
  }
}
