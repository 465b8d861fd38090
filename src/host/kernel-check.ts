/** What tlxc-checkconfig shows: the kernel's configuration and what can be seen of the running one, in the sections of lxc-checkconfig. */
import type * as fs from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { TlxcError } from '../errors.ts'
import { CONFIG_TABLE, type ConfigRow } from './kernel-config-table.ts'
import { parseKernelRelease } from './parse-proc.ts'

export type CheckStatus = 'enabled' | 'missing' | 'required'

export interface CheckLine {
  text: string
  /** required: missing, and nothing works without; null: the line is a note, there is nothing to pass. */
  status: CheckStatus | null
  /** Whether the module is loaded; null when it cannot be told or does not matter. */
  loaded: boolean | null
}

export interface KernelCheck {
  configFile: string
  sections: { title: string; lines: CheckLine[] }[]
}

/** What the checks look at besides the configuration. */
export interface LiveKernel {
  release: string
  /** Names in /proc/modules; null without module support. */
  modules: ReadonlySet<string> | null
  filesystems: ReadonlySet<string>
  /** Names in /proc/self/ns */
  namespaces: ReadonlySet<string>
  /** /proc/sys/user/max_*_namespaces by name (pid, user, …) */
  limits: Readonly<Record<string, number>>
  /** Mount points of cgroup and cgroup2 */
  cgroup1: readonly string[]
  cgroup2: readonly string[]
  /** The first v1 hierarchy has cgroup.clone_children. */
  cloneChildren: boolean
  /** newuidmap, newgidmap: setuid (or file capability) there, without it, or not installed. */
  idmapTools: Readonly<Record<string, 'ok' | 'not-setuid' | 'not-installed'>>
}

type Fs = Pick<typeof fs, 'readFileSync' | 'existsSync' | 'readdirSync' | 'statSync'>

/** Reads configuration and live state. `given` is the CONFIG of the environment. Throws TlxcError KERNEL when there is no configuration. */
export function checkKernel(files: Fs, given: string | undefined, path: string): KernelCheck {
  const live = readLive(files, path)
  if (given !== undefined && given !== '' && !files.existsSync(given)) {
    throw new TlxcError('KERNEL', `cannot check the kernel: there is no "${given}"`, { hint: 'CONFIG in the environment names it; without it the running kernel is checked' })
  }
  const configFile = [given, '/proc/config.gz', `/lib/modules/${live.release}/build/.config`, `/boot/config-${live.release}`].find(
    (file) => file !== undefined && file !== '' && files.existsSync(file),
  )
  if (configFile === undefined) {
    throw new TlxcError('KERNEL', 'cannot check the kernel: its configuration is nowhere to be found', {
      hint: 'modprobe configs, or CONFIG=FILE tlxc-checkconfig',
    })
  }
  return { configFile, sections: evaluate(parseKernelConfig(readMaybeGzip(files, configFile)), live) }
}

/** Options that are y or m, without CONFIG_. */
export function parseKernelConfig(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/^CONFIG_(\w+)=[ym]$/gm)].map((match) => match[1] ?? ''))
}

/** Pure. */
export function evaluate(config: ReadonlySet<string>, live: LiveKernel): KernelCheck['sections'] {
  const [cgroups, ...controllers] = rows('Control groups', config, live)
  return [
    { title: 'Namespaces', lines: [...rows('Namespaces', config, live), ...namespaceNotes(config, live)] },
    { title: 'Control groups', lines: [...(cgroups ? [cgroups] : []), ...cgroupLines(live), ...controllers] },
    { title: 'Misc', lines: rows('Misc', config, live) },
    { title: 'Checkpoint/Restore', lines: [...rows('Checkpoint/Restore', config, live), check('File capabilities', true)] },
    { title: 'Used by tlxc', lines: ownLines(live) },
  ]
}

function rows(section: ConfigRow['section'], config: ReadonlySet<string>, live: LiveKernel): CheckLine[] {
  return CONFIG_TABLE.filter((row) => row.section === section).map((row) => ({
    text: row.text,
    status: status(config.has(row.option), row.required ?? false),
    loaded: row.module === undefined || !config.has(row.option) || live.modules === null ? null : live.modules.has(row.module),
  }))
}

function status(isThere: boolean, required: boolean): CheckStatus {
  if (isThere) return 'enabled'
  return required ? 'required' : 'missing'
}

function check(text: string, isThere: boolean, required = false): CheckLine {
  return { text, status: status(isThere, required), loaded: null }
}

function note(text: string): CheckLine {
  return { text, status: null, loaded: null }
}

function namespaceNotes(config: ReadonlySet<string>, live: LiveKernel): CheckLine[] {
  const tools = config.has('USER_NS')
    ? Object.entries(live.idmapTools).flatMap(([name, state]) => {
        if (state === 'ok') return []
        return [note(state === 'not-setuid' ? `Warning: ${name} is not setuid-root` : `${name} is not installed`)]
      })
    : []
  const limits = Object.entries(live.limits)
    .filter(([, limit]) => limit === 0)
    .map(([name]) => note(`Warning: user.max_${name}_namespaces is 0, no ${name} namespace can be made`))
  return [...tools, ...limits]
}

function cgroupLines(live: LiveKernel): CheckLine[] {
  const isUnified = live.cgroup2.includes('/sys/fs/cgroup')
  const v1 = (name: string): boolean => live.cgroup1.some((mount) => mount.split('/').at(-1)?.split(',').includes(name))
  return [
    check('Cgroup namespace', live.namespaces.has('cgroup')),
    note('Cgroup v1 mount points: '),
    ...live.cgroup1.map((mount) => note(` - ${mount}`)),
    note('Cgroup v2 mount points: '),
    ...live.cgroup2.map((mount) => note(` - ${mount}`)),
    ...(isUnified ? [] : ['systemd', 'freezer'].filter((name) => !v1(name)).map((name) => check(`Cgroup v1 ${name} controller`, false))),
    ...(live.cloneChildren ? [check('Cgroup v1 clone_children flag', true)] : []),
  ]
}

/** What tlxc itself stands on, told from the running kernel. */
function ownLines({ release, filesystems, namespaces }: LiveKernel): CheckLine[] {
  const [major, minor] = parseKernelRelease(release)
  const since = (wantMajor: number, wantMinor: number): boolean => major > wantMajor || (major === wantMajor && minor >= wantMinor)
  return [
    check('New mount API and mount_setattr (Linux 5.12)', since(5, 12), true),
    check('Overlay filesystem', filesystems.has('overlay')),
    check('Id-mapped layers of overlays (Linux 5.19)', since(5, 19)),
    check('Time namespace', namespaces.has('time')),
    check('User namespace, usable now', namespaces.has('user')),
  ]
}

function readLive(files: Fs, path: string): LiveKernel {
  const read = (file: string): string => readOr(files, file)
  const mounts = read('/proc/self/mounts').split('\n').map((line) => line.split(' '))
  const pointsOf = (type: string): string[] => mounts.filter((fields) => fields[2] === type).map((fields) => fields[1] ?? '')
  const modules = read('/proc/modules')
  const cgroup1 = pointsOf('cgroup')
  return {
    release: read('/proc/sys/kernel/osrelease').trim(),
    modules: files.existsSync('/proc/modules') ? new Set(modules.split('\n').map((line) => line.split(' ', 1)[0] ?? '')) : null,
    filesystems: new Set(read('/proc/filesystems').split(/\s+/)),
    namespaces: new Set(listOr(files, '/proc/self/ns')),
    limits: readLimits(files),
    cgroup1,
    cgroup2: pointsOf('cgroup2'),
    cloneChildren: cgroup1[0] !== undefined && files.existsSync(`${cgroup1[0]}/cgroup.clone_children`),
    idmapTools: { newuidmap: toolState(files, 'newuidmap', path), newgidmap: toolState(files, 'newgidmap', path) },
  }
}

function readLimits(files: Fs): Record<string, number> {
  const limits: Record<string, number> = {}
  for (const file of listOr(files, '/proc/sys/user')) {
    const name = /^max_(\w+)_namespaces$/.exec(file)?.[1]
    if (name !== undefined) limits[name] = Number(readOr(files, `/proc/sys/user/${file}`))
  }
  return limits
}

function toolState(files: Fs, name: string, path: string): 'ok' | 'not-setuid' | 'not-installed' {
  const SETUID = 0o4000
  for (const directory of path.split(':')) {
    const stat = files.statSync(`${directory || '.'}/${name}`, { throwIfNoEntry: false })
    if (stat?.isFile()) return stat.mode & SETUID ? 'ok' : 'not-setuid'
  }
  return 'not-installed'
}

function readMaybeGzip(files: Fs, file: string): string {
  const data = files.readFileSync(file)
  return (data[0] === 0x1f && data[1] === 0x8b ? gunzipSync(data) : data).toString('utf8')
}

function readOr(files: Fs, file: string): string {
  try {
    return files.readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function listOr(files: Fs, path: string): string[] {
  try {
    return files.readdirSync(path)
  } catch {
    return []
  }
}
