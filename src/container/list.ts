/** What tlxc-ls shows: names, states and, when asked for, details; every status is asked for in parallel. */
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Status } from '../protocol/generated.ts'
import type { Listed } from './listed.ts'
import { QuickConfigs } from './quick-config.ts'
import { containerStatus } from './state.ts'
import { readStats } from './stats.ts'
import { compareBytes, containerAt, listNames, nameProblem } from './store.ts'

export interface ListOptions {
  /** Only names that match. */
  filter?: RegExp
  /** Only those in all of these. */
  groups: readonly string[]
  /** active and running: STATE is not STOPPED; with several, all must hold (as lxc-ls). */
  states: ReadonlySet<'active' | 'running' | 'frozen' | 'stopped' | 'defined'>
  /** Levels of containers in containers to look into; 0: none. */
  nesting: number
  /** What is needed beyond the name. */
  need: { state: boolean; config: boolean; addresses: boolean; stats: boolean }
  onKilled: (message: string) => void
}

/** Sorted by name, each followed by the containers in it. Throws TlxcError PERMISSION. */
export async function listContainers(host: Host, lxcpath: string, options: ListOptions): Promise<Listed[]> {
  const names = new Set([...listNames(host, lxcpath), ...(needsUndefined(options) ? undefinedButRunning(host, lxcpath) : [])])
  const configs = new QuickConfigs(host)
  const wanted = [...names].sort(compareBytes).filter((name) => options.nesting > 0 || (options.filter?.test(name) ?? true))
  const groups = await Promise.all(wanted.map((name) => listOne(host, lxcpath, name, configs, options)))
  return groups.flat()
}

async function listOne(host: Host, lxcpath: string, name: string, configs: QuickConfigs, options: ListOptions): Promise<Listed[]> {
  const { need, groups, states } = options
  const config = need.config || groups.length > 0 ? configs.read(containerAt(host, lxcpath, name).configFile) : null
  const askState = need.state || states.size > 0 || options.nesting > 0
  const status = askState ? await statusOf(host, lxcpath, name, options) : null
  const own = {
    name,
    parents: [],
    state: status?.state ?? ('STOPPED' as const),
    pid: status && status.init_pid > 0 ? status.init_pid : null,
    ...(need.stats ? usage(host, status) : { ramBytes: null, swapBytes: null }),
    config,
    interfaces: (status?.interfaces ?? []).map((net) => net.name),
    ipv4: addresses(status, 4),
    ipv6: addresses(status, 6),
  }
  const nested = options.nesting > 0 ? await (await import('./nested.ts')).listNested(host, containerAt(host, lxcpath, name), status, { levels: options.nesting, notice: options.onKilled }) : []
  return [own, ...nested].filter((listed) => isWanted(listed, options))
}

/** One unreachable monitor must not hide the other containers. */
async function statusOf(host: Host, lxcpath: string, name: string, options: ListOptions): Promise<Status | null> {
  try {
    return await containerStatus(host, containerAt(host, lxcpath, name), { addresses: options.need.addresses, onKilled: options.onKilled })
  } catch (error) {
    if (!(error instanceof TlxcError)) throw error
    options.onKilled(error.message)
    return null
  }
}

function usage(host: Host, status: Status | null): { ramBytes: number | null; swapBytes: number | null } {
  if (!status) return { ramBytes: null, swapBytes: null }
  const stats = readStats(host, status, ['memoryBytes', 'swapBytes'])
  return { ramBytes: stats.memoryBytes ?? 0, swapBytes: stats.swapBytes ?? 0 }
}

function addresses(status: Status | null, family: number): string[] {
  return (status?.interfaces ?? [])
    .filter(({ name }) => name !== 'lo')
    .flatMap((net) => net.addresses.filter((address) => address.family === family && (family === 4 || address.scope === 0)))
    .map(({ address }) => address)
}

function isWanted(listed: Listed, { filter, groups, states }: ListOptions): boolean {
  if (filter && !filter.test(listed.name)) return false
  if (!groups.every((group) => listed.config?.groups.includes(group))) return false
  if ((states.has('active') || states.has('running')) && listed.state === 'STOPPED') return false
  if (states.has('frozen') && listed.state !== 'FROZEN') return false
  if (states.has('stopped') && listed.state !== 'STOPPED') return false
  return !states.has('defined') || listed.config !== null || listed.parents.length > 0
}

/** Started with `tlxc-start -f FILE`: they run but have no configuration under lxcpath. Not with --defined. */
function needsUndefined(options: ListOptions): boolean {
  return !options.states.has('defined') && !options.states.has('stopped') && options.groups.length === 0
}

function undefinedButRunning(host: Host, lxcpath: string): string[] {
  const probe = containerAt(host, lxcpath, 'x').runDir
  try {
    return host.fs.readdirSync(probe.slice(0, -2)).filter((name) => nameProblem(name) === null)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EACCES') return []
    throw error
  }
}
