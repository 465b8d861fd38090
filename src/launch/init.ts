/** The first process: lxc.init.*, lxc.execute.cmd, and its signals. */
import { TlxcError } from '../errors.ts'
import type { Init, Signals } from '../protocol/generated.ts'
import { initEnvironment } from './environment.ts'
import type { LaunchInput } from './input.ts'

const SIGINT = 2
const SIGKILL = 9

export function planInit(input: LaunchInput): Init {
  const { config, options } = input
  const argv = [...(options.execute ? executeCommand(input) : (options.command ?? config.initCmd ?? ['/sbin/init']))]
  refuseInitOnHost(argv, input)
  return {
    argv,
    execute: options.execute,
    cwd: config.initCwd,
    uid: options.uid ?? config.initUid ?? 0,
    gid: options.gid ?? config.initGid ?? 0,
    groups: [...(config.initGroups ?? [])],
    env: initEnvironment(config, input.env),
    stdio: options.stdio,
  }
}

export function planSignals({ config }: LaunchInput): Signals {
  return { halt: config.signalHalt, reboot: config.signalReboot ?? SIGINT, stop: config.signalStop ?? SIGKILL }
}

/**
 * Without a rootfs the container works on the files of the host. An init system there boots them a second time: it empties /tmp,
 * starts every service on the host's data, sets the host's sysctls. LXC refuses only when there is no configuration at all.
 */
function refuseInitOnHost(argv: readonly string[], { name, rootfs }: LaunchInput): void {
  const program = argv[0]?.split('/').at(-1) ?? ''
  if (rootfs.path !== null || !INIT_SYSTEMS.has(program)) return
  throw new TlxcError('CONFIG', `cannot start "${name}": it has no root filesystem, "${argv[0]}" would boot the files of the host`, {
    hint: 'set lxc.rootfs.path, or give a command of your own (tlxc-execute)',
  })
}

const INIT_SYSTEMS = new Set(['init', 'systemd', 'openrc-init', 'runit', 'runit-init', 's6-svscan', 'dinit', 'telinit', 'shutdown', 'reboot'])

function executeCommand({ config, options }: LaunchInput): readonly string[] {
  const command = options.command ?? config.executeCmd ?? []
  if (command.length === 0) {
    throw new TlxcError('USAGE', 'cannot execute: missing command', { hint: 'give a command after the name, or set lxc.execute.cmd' })
  }
  return command
}
