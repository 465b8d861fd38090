/** Looks for what would keep one container from starting, without touching anything. */
import { formatDiagnostic, loadConfig } from '../config/load.ts'
import type { LoadedConfig } from '../config/types.ts'
import type { SystemConfig } from '../config/system-config.ts'
import type { Host } from '../host/host.ts'
import { LXC_BRIDGE } from '../network/settings.ts'
import { configReader, readConfigText, type Container } from './store.ts'

export interface Finding {
  /** error: it would stop a start. */
  severity: 'error' | 'warning'
  message: string
  /** The mend. */
  hint?: string
}

/** Throws TlxcError NOT_DEFINED, PERMISSION, and CONFIG for the system configuration. */
export function preflight(host: Host, container: Container, system: SystemConfig): Finding[] {
  const loaded = loadConfig(readConfigText(host, container), container.configFile, configReader(host))
  const diagnostics = loaded.diagnostics.map((diagnostic): Finding => ({
    severity: diagnostic.severity,
    message: formatDiagnostic(diagnostic),
    hint: diagnostic.hint ?? `see ${diagnostic.key} in tlxc.container.conf(5)`,
  }))
  // Made on demand.
  const managed = [system.network.bridge, LXC_BRIDGE]
  return [...diagnostics, ...checkRootfs(host, loaded), ...checkInit(host, loaded), ...checkIds(host, loaded, system.idmap), ...checkBridges(host, loaded, managed), ...checkKernelParts(host, loaded)]
}

function checkRootfs(host: Host, { value }: LoadedConfig): Finding[] {
  const { rootfs } = value
  if (!rootfs || !rootfs.path.startsWith('/')) return []
  if (!host.fs.existsSync(rootfs.path)) {
    return [{ severity: 'error', message: `${rootfs.where.file}:${rootfs.where.line}: there is no "${rootfs.path}"`, hint: 'correct lxc.rootfs.path, or create the container again' }]
  }
  if (value.idmap.length === 0 || value.rootfsOptions.some((option) => option.startsWith('idmap='))) return []
  return parentsOf(rootfs.path)
    .filter((dir) => (host.fs.statSync(dir).mode & 0o001) === 0)
    .map((dir) => ({ severity: 'warning', message: `"${dir}" cannot be entered by the ids of the container`, hint: `chmod o+x ${dir}, or lxc.rootfs.options = idmap=container` }))
}

function checkInit(host: Host, { value }: LoadedConfig): Finding[] {
  const { rootfs } = value
  const init = value.initCmd?.[0] ?? '/sbin/init'
  if (!rootfs || rootfs.type !== 'dir' || !init.startsWith('/') || !host.fs.existsSync(rootfs.path) || isInside(host, rootfs.path, init)) return []
  // A mount of the configuration may bring it; those that only make a place for something do not tell.
  const severity = value.mountFstab !== undefined || value.mountEntries.length > 0 ? 'warning' : 'error'
  return [{ severity, message: `there is no "${init}" in "${rootfs.path}"`, hint: 'set lxc.init.cmd to the program that is to be its init, or create the container again' }]
}

/** Follows links as the container would: an absolute one begins at its root. */
function isInside(host: Host, root: string, path: string, links = 20): boolean {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  let at = ''
  for (const [index, part] of parts.entries()) {
    const next = part === '..' ? at.slice(0, at.lastIndexOf('/')) : `${at}/${part}`
    const stat = host.fs.lstatSync(root + next, { throwIfNoEntry: false })
    if (!stat) return false
    if (stat.isSymbolicLink()) {
      const target = host.fs.readlinkSync(root + next)
      return links > 0 && isInside(host, root, [target.startsWith('/') ? target : `${at}/${target}`, ...parts.slice(index + 1)].join('/'), links - 1)
    }
    at = next
  }
  return true
}

function checkIds(host: Host, { value }: LoadedConfig, pool: SystemConfig['idmap']): Finding[] {
  const facts = host.facts()
  if (value.idmap.length > 0 && !facts.userNamespaces) {
    return [{ severity: 'error', message: 'this kernel has no user namespaces, which lxc.idmap needs', hint: 'sysctl user.max_user_namespaces=10000, or a kernel with CONFIG_USER_NS' }]
  }
  return value.idmap.flatMap(({ kind, host: first, range, where }): Finding[] => {
    const allotted = [...(kind === 'uid' ? facts.subuid : facts.subgid), ...(pool ? [pool] : [])]
    if (allotted.some(({ start, count }) => first >= start && first + range <= start + count)) return []
    const file = kind === 'uid' ? '/etc/subuid' : '/etc/subgid'
    // Root may map any ids (user_namespaces(7)); only another container or user may have the same ones.
    const severity = host.uid === 0 ? 'warning' : 'error'
    return [{ severity, message: `${where.file}:${where.line}: ids ${first} to ${first + range - 1} are not allotted in ${file}`, hint: `add "root:${first}:${range}" to ${file}` }]
  })
}

function checkBridges(host: Host, { value }: LoadedConfig, managed: readonly string[]): Finding[] {
  return value.network.flatMap(({ link, type, where }): Finding[] => {
    if (link === undefined || type === 'none' || managed.includes(link) || host.facts().interfaces[link]) return []
    return [{ severity: 'error', message: `${where.file}:${where.line}: there is no interface "${link}"`, hint: `ip link add ${link} type bridge, or name one that is there: ${managed[0] ?? 'ip link'}` }]
  })
}

function checkKernelParts(host: Host, { value }: LoadedConfig): Finding[] {
  const facts = host.facts()
  const findings: Finding[] = []
  if (facts.cgroupLayout === 'none') findings.push({ severity: 'error', message: 'no cgroup hierarchy is mounted', hint: 'mount -t cgroup2 cgroup2 /sys/fs/cgroup' })
  if (value.seccompProfile !== undefined && !facts.seccomp) findings.push({ severity: 'error', message: 'this kernel has no seccomp, which lxc.seccomp.profile needs', hint: 'a kernel with CONFIG_SECCOMP_FILTER' })
  if (value.timeOffsetBoot !== undefined && !facts.timeNamespaces) findings.push({ severity: 'error', message: 'this kernel has no time namespaces, which lxc.time.offset.boot needs', hint: 'remove the line' })
  return findings
}

function parentsOf(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '')
  return parts.slice(0, -1).map((_, at) => `/${parts.slice(0, at + 1).join('/')}`)
}
