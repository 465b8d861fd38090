/** /dev, ttys and the console: lxc.autodev*, lxc.tty.*, lxc.pty.max, lxc.console.*. */
import type { Console, Dev, DevLink, DevNode, Tty } from '../protocol/generated.ts'
import type { LaunchInput } from './input.ts'

const TMPFS_SIZE = 500_000
/** LXC makes no devpts without lxc.pty.max and then hands in the host's; a container here always has its own. */
const PTY_MAX = 1024
const MIN_BUFFER = 16384
const MODE = 0o666

/** devices.txt of the kernel; the set that LXC makes. */
const NODES: readonly DevNode[] = [
  { path: 'full', major: 1, minor: 7, mode: MODE },
  { path: 'null', major: 1, minor: 3, mode: MODE },
  { path: 'random', major: 1, minor: 8, mode: MODE },
  { path: 'tty', major: 5, minor: 0, mode: MODE },
  { path: 'urandom', major: 1, minor: 9, mode: MODE },
  { path: 'zero', major: 1, minor: 5, mode: MODE },
]
const LINKS: readonly DevLink[] = [
  { path: 'fd', target: '/proc/self/fd' },
  { path: 'stdin', target: '/proc/self/fd/0' },
  { path: 'stdout', target: '/proc/self/fd/1' },
  { path: 'stderr', target: '/proc/self/fd/2' },
]

/** Without a rootfs the host's /dev is what the container sees: nothing is made in it. */
export function planDev({ config, rootfs }: LaunchInput): Dev {
  const autodev = rootfs.path !== null && (config.autodev ?? true)
  return {
    autodev,
    tmpfs_size: config.autodevTmpfsSize || TMPFS_SIZE,
    nodes: autodev ? [...NODES] : [],
    links: rootfs.path === null ? [] : [...LINKS],
  }
}

export function planTty({ config }: LaunchInput): Tty {
  return { max: config.ttyMax ?? 0, dir: config.ttyDir || undefined, pty_max: config.ptyMax ?? PTY_MAX }
}

export function planConsole({ config, options }: LaunchInput): Console {
  const path = options.consolePath ?? config.consolePath
  return {
    enabled: path !== 'none',
    path: path === 'none' || path === '' ? undefined : path,
    logfile: options.consoleLog ?? config.consoleLogfile,
    log_size: config.consoleSize ?? 0,
    rotate: config.consoleRotate ?? false,
    buffer_size: powerOfTwo(Math.max(MIN_BUFFER, config.consoleBufferSize ?? 0)),
  }
}

function powerOfTwo(size: number): number {
  return 2 ** Math.ceil(Math.log2(size))
}
