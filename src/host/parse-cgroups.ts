/** Cgroup hierarchies from /proc/self/mountinfo (proc_pid_mountinfo(5)) and /proc/PID/cgroup (cgroups(7)). Pure. */
import type { HostCgroup, HostFacts } from '../launch/host-facts.ts'

interface CgroupMount {
  version: 1 | 2
  root: string
  mount: string
  /** v1: controllers and name=… of the superblock options */
  names: readonly string[]
}

/**
 * self, init: texts of /proc/self/cgroup and /proc/1/cgroup; controllersOf gives the text of cgroup.controllers of a v2 mount.
 * Of several mounts of one hierarchy the first is taken.
 */
export function parseCgroups(mountinfo: string, self: string, init: string, controllersOf: (mount: string) => string): HostCgroup[] {
  const mine = parseMembership(self)
  const inits = parseMembership(init)
  const seen = new Set<string>()
  const found: HostCgroup[] = []
  for (const mount of cgroupMounts(mountinfo)) {
    const id = mount.version === 2 ? '' : mount.names.join(',')
    const key = mount.version === 2 ? '' : membershipKey(mine, mount.names)
    if (key === undefined || seen.has(id)) continue
    seen.add(id)
    const base = below(mount.root, mine.get(key) ?? '/')
    found.push({
      version: mount.version,
      controllers: mount.version === 2 ? controllersOf(mount.mount).split(/\s+/).filter(Boolean) : [...mount.names],
      mount: mount.mount,
      base,
      initBase: inits.has(key) ? withoutScope(below(mount.root, inits.get(key) ?? '/')) : base,
    })
  }
  return found
}

export function cgroupLayout(cgroups: readonly { version: number }[]): HostFacts['cgroupLayout'] {
  const v1 = cgroups.some((hierarchy) => hierarchy.version === 1)
  const v2 = cgroups.some((hierarchy) => hierarchy.version === 2)
  if (v1 && v2) return 'hybrid'
  return v1 ? 'v1' : v2 ? 'v2' : 'none'
}

function* cgroupMounts(mountinfo: string): Generator<CgroupMount> {
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ')
    const fields = before?.split(' ') ?? []
    const [type, , options] = after?.split(' ') ?? []
    const root = fields[3]
    const mount = fields[4]
    if (root === undefined || mount === undefined) continue
    const where = { root: unescapeOctal(root), mount: unescapeOctal(mount) }
    if (type === 'cgroup2') yield { version: 2, ...where, names: [] }
    if (type === 'cgroup') yield { version: 1, ...where, names: controllerNames(options ?? '') }
  }
}

/** Superblock options of a v1 hierarchy that are neither generic nor settings of it. */
const NOT_CONTROLLERS = new Set(['rw', 'ro', 'xattr', 'noprefix', 'clone_children', 'cpuset_v2_mode', 'favordynmods', 'nofavordynmods'])

function controllerNames(options: string): string[] {
  return options.split(',').filter((option) => !NOT_CONTROLLERS.has(option) && !/^release_agent=|^seclabel$|context=/.test(option))
}

/** Controller list (as written by the kernel; '' for v2) → path. */
function parseMembership(text: string): Map<string, string> {
  const membership = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line)
    if (match?.[2] !== undefined) membership.set(match[1] ?? '', match[2])
  }
  return membership
}

/** The kernel may list co-mounted controllers in another order than the mount does. */
function membershipKey(membership: ReadonlyMap<string, string>, names: readonly string[]): string | undefined {
  for (const key of membership.keys()) {
    if (key !== '' && names.length > 0 && key.split(',').some((name) => names.includes(name))) return key
  }
  return undefined
}

/** A path of /proc/PID/cgroup as seen through a mount whose root is not the hierarchy's. */
function below(root: string, path: string): string {
  if (root === '/' || path.startsWith('/..')) return path
  if (path === root) return '/'
  return path.startsWith(`${root}/`) ? path.slice(root.length) : '/'
}

/** systemd keeps itself in /init.scope; containers go beside it. */
function withoutScope(path: string): string {
  const stripped = path.replace(/\/init\.scope$/, '')
  return stripped === '' ? '/' : stripped
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)))
}
