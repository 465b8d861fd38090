/**
 * What of an archive's configuration reaches beyond the container. The file may come from anywhere, and some keys run programs as root of this
 * machine, show its files, or weaken what keeps the container in. Only what is known to be harmless passes unasked. PURE.
 */
import { posix } from 'node:path'
import { ConfigDocument } from '../config/document.ts'
import { isHarmlessMount } from '../config/harmless-mount.ts'

export interface Suspicion {
  /** The line, with the key and the value. */
  line: string
  reason: string
}

/** includes: directory of the configuration files that are installed here. Unprivileged containers only: a privileged one is itself a suspicion. */
export function suspicionsOf(config: string, includes: string): Suspicion[] {
  const document = ConfigDocument.parse(config)
  const found: Suspicion[] = document.pairs().flatMap(({ key, value }) => {
    const reason = reasonFor(key, value, includes)
    return reason === null ? [] : [{ line: `${key} = ${value}`.replace(/\p{Cc}/gu, '?').slice(0, 200), reason }]
  })
  if (standardRange(document) === null) {
    found.push({ line: 'lxc.idmap', reason: document.values('lxc.idmap').length === 0 ? 'is missing: root inside would be root of this machine' : 'maps ids in a way of its own' })
  }
  return found
}

/** Ids 0 to 65535 inside, of one range for users and one for groups, as tlxc-create gives them; null: otherwise, or none. */
export function standardRange(document: ConfigDocument): { uid: number; gid: number } | null {
  const lines = document.values('lxc.idmap').map((value) => /^([ug]) 0 (\d+) 65536$/.exec(value.trim()))
  const [uid, gid] = ['u', 'g'].map((kind) => lines.find((match) => match?.[1] === kind)?.[2])
  return lines.length === 2 && uid !== undefined && gid !== undefined ? { uid: Number(uid), gid: Number(gid) } : null
}

type Judge = (value: string, includes: string) => string | null

const HARMLESS: Judge = (value) => (value === '' ? 'takes back what the common configuration sets' : null)
const oneOf = (values: readonly string[], reason: string): Judge => (value) => (value.split(/\s+/).every((word) => values.includes(word)) ? null : reason)
const OUTSIDE = 'reaches beyond the container'

/** The first one that matches. */
const RULES: readonly (readonly [RegExp, Judge])[] = [
  // Replaced by what belongs here, or judged as a whole.
  [/^lxc\.(rootfs\.path|idmap)$/, () => null],
  [/^lxc\.rootfs\.options$/, oneOf(['idmap=container'], OUTSIDE)],
  [/^lxc\.include$/, (value, includes) => (isShipped(value, includes) ? null : 'reads a file that is not one of tlxc')],
  [/^lxc\.seccomp\.profile$/, (value, includes) => (isShipped(value, includes) ? null : 'is not the one of tlxc')],
  [/^lxc\.mount\.auto$/, oneOf(['proc', 'proc:mixed', 'sys', 'sys:mixed', 'sys:ro', 'cgroup', 'cgroup:mixed', 'cgroup:ro', 'cgroup-full:ro', 'cgroup-full:mixed'], OUTSIDE)],
  [/^lxc\.mount\.entry$/, (value) => (isHarmlessMount(value, { ownIds: true }) ? null : 'may show files of this machine')],
  [/^lxc\.environment(\.runtime)?$/, (value) => (value.includes('=') ? null : 'shows a variable of whoever starts it')],
  [/^lxc\.net\.\d+\.type$/, oneOf(['veth', 'empty', 'macvlan', 'ipvlan'], 'takes a network of this machine')],
  [/^lxc\.net\.\d+\.(link|flags|name|hwaddr|mtu|ipv[46]\.(address|gateway)|veth\.(mode|vlan\.id)|macvlan\.mode|ipvlan\.mode)$/, HARMLESS],
  [/^lxc\.cgroup2?\.devices\.deny$/, HARMLESS],
  [/^lxc\.cgroup2?\.(memory|cpu|cpuset|pids|io|blkio|hugetlb)\./, HARMLESS],
  [/^lxc\.apparmor\.profile$/, oneOf(['generated'], 'is not the one that tlxc makes')],
  [/^lxc\.tty\.dir$/, () => null],
  [/^lxc\.(uts\.name|arch|init\..+|execute\.cmd|signal\..+|ephemeral|start\..+|group|autodev(\..+)?|tty\.max|pty\.max|console\.(buffer\.size|size|rotate))$/, HARMLESS],
  [/^lxc\.(cap\.drop|prlimit\..+|no_new_privs|log\.level|hook\.version|sched\.core)$/, HARMLESS],
  // Run inside.
  [/^lxc\.hook\.start$/, HARMLESS],
  [/^tlxc\.snapshot\./, () => null],
]

function reasonFor(key: string, value: string, includes: string): string | null {
  const rule = RULES.find(([pattern]) => pattern.test(key))
  if (rule) return rule[1](value, includes)
  return key.startsWith('lxc.hook.') ? 'runs a program on this machine, as root' : OUTSIDE
}

/** nesting.conf is shipped as well, but who wants it says so. */
function isShipped(path: string, includes: string): boolean {
  return posix.normalize(path) === path && path.startsWith(`${includes}/`) && !path.endsWith('/nesting.conf')
}
