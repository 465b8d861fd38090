/** Environments of init and of hooks. */
import type { ContainerConfig, Where } from '../config/types.ts'
import { TlxcError } from '../errors.ts'
import { at, type LaunchInput } from './input.ts'

/**
 * LXC gives init no PATH, and shells then invent one that their children do not see. Like lxc-attach --clear-env, and like every
 * service manager, we give one; lxc.environment goes over it.
 */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** NAME=VALUE of init, each name once, container=lxc first. */
export function initEnvironment(config: ContainerConfig, caller: LaunchInput['env']): string[] {
  const env = new Map([
    ['container', 'lxc'],
    ['PATH', PATH],
  ])
  addEntries(env, [...config.environment, ...config.environmentRuntime], caller)
  return asList(env)
}

/** What hooks and network scripts get; the monitor adds LXC_PID, LXC_TARGET, LXC_HOOK_TYPE, LXC_HOOK_SECTION and LXC_*_NS. */
export function hookEnvironment(
  input: LaunchInput,
  facts: { rootfsMount: string; logLevel: string; console?: string; consoleLog?: string },
): string[] {
  const { config } = input
  const env = new Map<string, string>()
  env.set('LXC_NAME', input.name)
  env.set('LXC_CONFIG_FILE', input.configFile)
  if (input.rootfs.path !== null) env.set('LXC_ROOTFS_PATH', input.rootfs.path)
  env.set('LXC_ROOTFS_MOUNT', facts.rootfsMount)
  if (facts.console !== undefined) env.set('LXC_CONSOLE', facts.console)
  if (facts.consoleLog !== undefined) env.set('LXC_CONSOLE_LOGPATH', facts.consoleLog)
  env.set('LXC_CGNS_AWARE', '1')
  env.set('LXC_LOG_LEVEL', facts.logLevel)
  env.set('LXC_HOOK_VERSION', String(config.hookVersion ?? 0))
  // Last: a monitor that has no room for all leaves out what was inherited.
  for (const [name, value] of Object.entries(input.env)) if (value !== undefined && !name.startsWith('LXC_')) env.set(name, value)
  addEntries(env, config.environmentHooks, input.env)
  return asList(env)
}

function addEntries(env: Map<string, string>, entries: readonly { entry: string; where: Where }[], caller: LaunchInput['env']): void {
  for (const { entry, where } of entries) {
    const equals = entry.indexOf('=')
    const name = equals < 0 ? entry : entry.slice(0, equals)
    const value = equals < 0 ? caller[entry] : entry.slice(equals + 1)
    if (value === undefined) {
      throw new TlxcError('CONFIG', `cannot inherit "${entry}" (${at(where)}): it is not set in this environment`, {
        hint: `write lxc.environment = ${entry}=VALUE, or set it before the start`,
      })
    }
    env.delete(name)
    env.set(name, value)
  }
}

function asList(env: ReadonlyMap<string, string>): string[] {
  return [...env].map(([name, value]) => `${name}=${value}`)
}
