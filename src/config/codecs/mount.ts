/** fstab(5) lines, lxc.mount.auto tokens, lxc.rootfs.path and lxc.rootfs.options. */
import { ValueError, matching, type Codec } from './codec.ts'
import { words } from './text.ts'

export interface MountFields {
  source: string
  target: string
  type: string
  options: readonly string[]
}

/** A line of fstab(5): \040, \011, \012 and \134 stand for blank, tab, newline and backslash. The two numbers at the end are optional. */
export const mountEntry: Codec<MountFields> = {
  expects: 'a line of fstab(5): SOURCE TARGET TYPE OPTIONS [0 0]',
  parse: (raw) => {
    const [source, target, type, options, ...numbers] = words(raw)
    if (source === undefined || target === undefined || type === undefined) {
      throw new ValueError(`"${raw}" has fewer than three fields`, mountEntry.expects)
    }
    if (numbers.length > 2) throw new ValueError(`"${raw}" has more than six fields`, 'write a blank in a path as \\040')
    return {
      source: unescapeField(source),
      target: unescapeField(target),
      type: unescapeField(type),
      options: unescapeField(options ?? 'defaults').split(',').filter(Boolean),
    }
  },
  format: ({ source, target, type, options }) => [source, target, type, options.join(',') || 'defaults'].map(escapeField).join(' '),
}

/** As getmntent(3) decodes: only these four. */
export function unescapeField(field: string): string {
  return field.replace(/\\(040|011|012|134|\\)/g, (_, code: string) =>
    code === '\\' ? '\\' : String.fromCharCode(Number.parseInt(code, 8)),
  )
}

export function escapeField(field: string): string {
  return field.replace(/[ \t\n\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`)
}

const AUTO_TOKENS = new Set([
  'proc', 'proc:mixed', 'proc:rw', 'sys', 'sys:mixed', 'sys:ro', 'sys:rw',
  ...['cgroup', 'cgroup-full'].flatMap((name) => ['', ':mixed', ':ro', ':rw'].flatMap((mode) => [name + mode, `${name}${mode}:force`])),
  'cgroup2', 'cgroup2:ro', 'cgroup2:force', 'cgroup2:ro:force',
])

/** One word of lxc.mount.auto. */
export const autoToken: Codec<{ token: string }> = {
  expects:
    'proc[:mixed|:rw], sys[:mixed|:ro|:rw], cgroup[-full][:mixed|:ro|:rw][:force], cgroup2[:ro][:force] or shmounts:HOST[:CONTAINER]',
  parse: (raw) => {
    if (AUTO_TOKENS.has(raw) || /^shmounts:[^:]+(:[^:]+)?$/.test(raw)) return { token: raw }
    throw new ValueError(`"${raw}" is no automatic mount`, autoToken.expects)
  },
  format: ({ token }) => token,
}

/** Mounts that replace each other: the part before the mode. */
export function autoFamily(token: string): string {
  const name = token.split(':', 1)[0] ?? ''
  return name.startsWith('cgroup') ? 'cgroup' : name
}

const ROOTFS_TYPES = ['dir', 'overlay', 'overlayfs', 'loop', 'lvm', 'btrfs', 'zfs', 'nbd', 'rbd'] as const

/** `[TYPE:]PATH`; without a type: dir. */
export const rootfsPath: Codec<{ type: string; path: string }> = {
  expects: '[TYPE:]PATH, TYPE one of ' + ROOTFS_TYPES.join(', '),
  parse: (raw) => {
    if (raw === '') throw new ValueError('there is no path')
    const match = /^([a-z0-9]+):([^]+)$/.exec(raw)
    if (!match) return { type: 'dir', path: raw }
    const [, type = '', path = ''] = match
    if (ROOTFS_TYPES.some((known) => known === type)) return { type, path }
    throw new ValueError(`"${type}" is no storage type`, `one of ${ROOTFS_TYPES.join(', ')}`)
  },
  format: ({ type, path }) => `${type}:${path}`,
}

/** Mount options of the rootfs; what only makes sense for an entry is refused, as LXC does. */
export const rootfsOptions: Codec<readonly string[]> = {
  expects: 'mount options separated by commas, idmap=container among them',
  parse: (raw) => {
    const options = raw.split(',').map((option) => option.trim()).filter(Boolean)
    const wrong = options.find((option) => option === 'optional' || option === 'relative' || option.startsWith('create='))
    if (wrong !== undefined) throw new ValueError(`"${wrong}" has no meaning for the root filesystem`, 'it belongs to lxc.mount.entry')
    const map = options.find((option) => option.startsWith('idmap=') && option !== 'idmap=container' && !option.startsWith('idmap=/'))
    if (map !== undefined) throw new ValueError(`"${map}" is neither idmap=container nor idmap=/PATH of a user namespace`)
    return options
  },
  format: (options) => options.join(','),
}

/** lxc.tty.dir: a directory below /dev. */
export const devDirectory: Codec<string> = matching(
  'a directory below /dev, without ".."',
  (raw) => !raw.startsWith('/') && !raw.split('/').includes('..'),
)
