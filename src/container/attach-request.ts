/** What lxc-attach's options mean, as the request that the native helper is given. Pure. */
import { TlxcError } from '../errors.ts'
import { PROTOCOL_VERSION, type AttachRequest, type Namespace, type Personality } from '../protocol/generated.ts'

export interface AttachOptions {
  /** Empty: a login shell. */
  argv: readonly string[]
  /** Value of -s, "NETWORK|UTSNAME". */
  namespaces?: string
  /** Value of -e; '' means everything. */
  elevated?: string
  remountSysProc: boolean
  uid?: number
  gid?: number
  context?: string
  personality?: Personality
  ptyLog?: string
  /** Take lxc.environment from this configuration instead of what the container was started with. */
  rcfile?: string
  environment: AttachEnvironment
}

export interface AttachEnvironment {
  /** --clear-env */
  clear: boolean
  /** --keep-var */
  keep: readonly string[]
  /** -v NAME=VALUE, or NAME to leave one out */
  set: readonly string[]
}

export interface AttachTarget {
  name: string
  /** The monitor's command socket. */
  socket: string
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Names of lxc-attach -s beside those of setns(2). */
const LXC_NAMESPACES: Readonly<Record<string, Namespace>> = {
  MOUNT: 'mnt', PID: 'pid', UTSNAME: 'uts', IPC: 'ipc', USER: 'user', NETWORK: 'net', CGROUP: 'cgroup',
  mnt: 'mnt', pid: 'pid', uts: 'uts', ipc: 'ipc', user: 'user', net: 'net', cgroup: 'cgroup',
}

/** Throws TlxcError USAGE for names that are none and for -c together with elevated LSM. */
export function attachRequest(options: AttachOptions, target: AttachTarget): AttachRequest {
  // -s implies -e: in part of the namespaces the container's limits make little sense (lxc-attach(1)).
  const elevated = parseElevated(options.elevated ?? (options.namespaces === undefined ? undefined : ''))
  if (options.context !== undefined && elevated.has('LSM')) {
    throw new TlxcError('USAGE', 'Cannot combine elevated LSM privileges while requesting LSM profile', { hint: 'leave out -c, or name with -e what is elevated: -e "CGROUP|CAP"' })
  }
  return {
    version: PROTOCOL_VERSION,
    socket: target.socket,
    name: target.name,
    argv: [...options.argv],
    ...(options.namespaces === undefined ? {} : { namespaces: parseNamespaces(options.namespaces) }),
    elevate_cgroup: elevated.has('CGROUP'),
    elevate_caps: elevated.has('CAP'),
    elevate_lsm: elevated.has('LSM'),
    remount_sys_proc: options.remountSysProc,
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
    env: [],
    default_shell_env: false,
    ...(options.personality === undefined ? {} : { personality: options.personality }),
    ...(options.ptyLog === undefined ? {} : { pty_log: options.ptyLog }),
    ...(options.context === undefined ? {} : { context: options.context }),
  }
}

/** In the order of lxc-attach: the caller's, container=lxc, the container's, -v; a later one replaces an earlier one. */
export function attachEnvironment(
  options: AttachEnvironment,
  containerEnv: readonly string[],
  callerEnv: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const env = new Map<string, string>()
  for (const [name, value] of Object.entries(callerEnv)) {
    if (value !== undefined && (!options.clear || options.keep.includes(name))) env.set(name, value)
  }
  if (options.clear && !env.has('PATH')) env.set('PATH', DEFAULT_PATH)
  for (const entry of ['container=lxc', ...containerEnv, ...options.set]) {
    const equals = entry.indexOf('=')
    if (equals > 0) env.set(entry.slice(0, equals), entry.slice(equals + 1))
    else env.delete(entry)
  }
  return Object.fromEntries(env)
}

function parseNamespaces(text: string): Namespace[] {
  return text.split('|').map((name) => {
    const namespace = LXC_NAMESPACES[name]
    if (namespace !== undefined) return namespace
    throw new TlxcError('USAGE', `cannot enter namespace "${name}": there is none of that name`, { hint: 'MOUNT, PID, UTSNAME, IPC, USER, NETWORK, CGROUP, joined by |' })
  })
}

function parseElevated(text: string | undefined): ReadonlySet<string> {
  if (text === undefined) return new Set()
  const names = text === '' ? ['CGROUP', 'CAP', 'LSM'] : text.split('|')
  const unknown = names.find((name) => !['CGROUP', 'CAP', 'LSM'].includes(name))
  if (unknown === undefined) return new Set(names)
  throw new TlxcError('USAGE', `cannot elevate "${unknown}": there is no privilege of that name`, { hint: 'CGROUP, CAP, LSM, joined by |; without a value: all three' })
}
