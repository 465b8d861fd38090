/** Where the container and its monitor go in each hierarchy, and their limits: lxc.cgroup.*, lxc.cgroup2.*. */
import type { ContainerConfig } from '../config/types.ts'
import { TlxcError } from '../errors.ts'
import type { Cgroup, CgroupHierarchy, CgroupLimit, DeviceRule } from '../protocol/generated.ts'
import type { HostCgroup, HostFacts } from './host-facts.ts'
import { at, type LaunchInput, type Warnings } from './input.ts'
import type { CgroupAuto } from './mount-auto.ts'

type Entry = ContainerConfig['cgroup'][number]

export function planCgroup(input: LaunchInput, auto: CgroupAuto, warnings: Warnings): Cgroup {
  const { config, facts } = input
  if (facts.cgroups.length === 0) {
    throw new TlxcError('KERNEL', 'cannot start a container: no cgroup hierarchy is mounted', {
      hint: 'mount -t cgroup2 none /sys/fs/cgroup',
    })
  }
  const hierarchies = usedHierarchies(input)
  const entries = config.cgroup.filter((entry) => applies(entry, config.cgroup, hierarchies, facts, warnings))
  return {
    hierarchies,
    ...directories(input),
    limits: entries.filter((entry) => !isDevice(entry)).map(({ version, file, value }): CgroupLimit => ({ version, file, value })),
    devices: entries.filter(isDevice).map(deviceRule),
    ...auto,
  }
}

/** A hierarchy is used unless lxc.cgroup.use of the system configuration leaves all of its controllers out; v2 always is. */
function usedHierarchies({ config, facts, system }: LaunchInput): CgroupHierarchy[] {
  const use = system?.cgroupUse ?? []
  const isUsed = ({ version, controllers }: HostCgroup): boolean =>
    use.length === 0 || use.includes('@all') || version === 2 || controllers.some((controller) => use.includes(controller))
  // Root's containers leave the cgroup of the shell that starts them, so that a logout does not take them along.
  const relative = config.cgroupRelative === true || facts.uid !== 0
  return facts.cgroups.filter(isUsed).map(({ version, controllers, mount, base, initBase }) => ({
    version,
    controllers: [...controllers],
    mount,
    base: relative ? base : initBase,
  }))
}

function directories({ name, config, system }: LaunchInput): Pick<Cgroup, 'payload' | 'payload_inner' | 'monitor' | 'monitor_pivot'> {
  const { cgroupDirContainer: container, cgroupDirMonitor: monitor } = config
  const own = container !== undefined || monitor !== undefined || config.cgroupDirContainerInner !== undefined
  if (own && config.cgroupDir !== undefined) {
    throw cgroupDirError('lxc.cgroup.dir excludes lxc.cgroup.dir.container and lxc.cgroup.dir.monitor')
  }
  if (own && (container === undefined || monitor === undefined)) {
    throw cgroupDirError('lxc.cgroup.dir.container and lxc.cgroup.dir.monitor belong together')
  }
  if (container !== undefined && container === monitor) throw cgroupDirError('container and monitor must not be in one cgroup')
  const pattern = system?.cgroupPattern?.replaceAll('%n', name)
  const prefix = config.cgroupDir === undefined ? '' : `${config.cgroupDir}/`
  const monitorName = `tlxc.monitor.${name}`
  const byPattern = pattern !== undefined && prefix === ''
  return {
    payload: container ?? (byPattern ? pattern : `${prefix}tlxc.payload.${name}`),
    payload_inner: config.cgroupDirContainerInner,
    monitor: monitor ?? (byPattern ? sibling(pattern, monitorName) : `${prefix}${monitorName}`),
    monitor_pivot: config.cgroupDirMonitorPivot,
  }
}

function sibling(path: string, name: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? name : `${path.slice(0, slash)}/${name}`
}

function cgroupDirError(reason: string): TlxcError {
  return new TlxcError('CONFIG', `cannot plan the cgroups: ${reason}`, { hint: 'see lxc.cgroup.dir in tlxc.container.conf(5)' })
}

/**
 * As LXC: version 1 keys mean nothing on a pure v2 machine, and version 2 keys nothing elsewhere; there we still take those whose
 * controller is in the v2 hierarchy of a hybrid machine. Shared includes set device rules in both spellings, so those are silent.
 */
function applies(
  entry: Entry,
  all: readonly Entry[],
  hierarchies: readonly CgroupHierarchy[],
  facts: HostFacts,
  warnings: Warnings,
): boolean {
  const controller = controllerOf(entry.file)
  const isThere = hierarchies.some((hierarchy) => hierarchy.version === entry.version && hierarchy.controllers.includes(controller))
  if (isDevice(entry)) {
    return facts.cgroupLayout === 'v2' ? entry.version === 2 : entry.version === 1 && hasDevices(isThere, entry, warnings)
  }
  if (entry.version === 1 && facts.cgroupLayout !== 'v2') return requireController(isThere, entry, controller)
  if (entry.version === 2 && (facts.cgroupLayout === 'v2' || isThere || controller === 'cgroup')) return true
  const other = entry.version === 1 ? 'cgroup2' : 'cgroup'
  // Written for both kinds of machine: no word about the half that is for the other one.
  if (all.some((twin) => twin.version !== entry.version && controllerOf(twin.file) === controller)) return false
  warnings.add(`${keyOf(entry)} does not apply to this machine's cgroups (use lxc.${other}.*), ignoring`, entry.where)
  return false
}

function hasDevices(isThere: boolean, entry: Entry, warnings: Warnings): boolean {
  if (!isThere) warnings.add('the devices controller is not mounted: device rules are ignored', entry.where)
  return isThere
}

function requireController(isThere: boolean, entry: Entry, controller: string): true {
  if (isThere) return true
  throw new TlxcError('KERNEL', `cannot set lxc.cgroup.${entry.file} (${at(entry.where)}): the ${controller} controller is not mounted`, {
    hint: `mount it (cgroups(7)), or use lxc.cgroup2.${entry.file}`,
  })
}

function keyOf({ version, file }: Entry): string {
  return `lxc.cgroup${version === 2 ? '2' : ''}.${file}`
}

function controllerOf(file: string): string {
  return file.split('.', 1)[0] ?? file
}

function isDevice(entry: Entry): boolean {
  return entry.file === 'devices.allow' || entry.file === 'devices.deny'
}

function deviceRule(entry: Entry): DeviceRule {
  const rule = entry.value.trim().replace(/\s+/g, ' ')
  if (!/^(a|a \*:\* rwm|[bc] (\d+|\*):(\d+|\*) [rwm]{1,3})$/.test(rule)) {
    throw new TlxcError('CONFIG', `cannot use ${keyOf(entry)} (${at(entry.where)}): "${entry.value}" is no device rule`, {
      hint: 'write "a", or "c 1:3 rwm" with * for any number',
    })
  }
  return { version: entry.version, allow: entry.file === 'devices.allow', rule: rule.startsWith('a') ? 'a' : rule }
}
