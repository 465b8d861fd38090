/** What tlxc remembers of a managed bridge while it is up: files in /run/tlxc/network, and whether its parts are alive. */
import type { Host } from '../host/host.ts'
import { TlxcError, errnoOf } from '../errors.ts'
import type { BridgePlan } from './bridge.ts'
import type { ChainRef } from './foreign.ts'

/** Written before anything is made, so that whatever a killed command left can be taken down. */
export interface NetworkState {
  version: 1
  plan: BridgePlan
  /** Chains of others that hold rules of ours. */
  opened: ChainRef[]
}

export interface NetworkFiles {
  dir: string
  state: string
  pid: string
  leases: string
  lock: string
}

export function networkFiles(host: Host, bridge: string): NetworkFiles {
  const dir = `${host.paths.run}/network`
  return { dir, state: `${dir}/${bridge}.json`, pid: `${dir}/${bridge}.pid`, leases: `${dir}/${bridge}.leases`, lock: `${dir}/${bridge}.lock` }
}

export function readState(host: Host, bridge: string): NetworkState | null {
  const text = readIfThere(host, networkFiles(host, bridge).state)
  return text === null ? null : (JSON.parse(text) as NetworkState)
}

/** Every bridge that is ours, whatever [network] says now. */
export function rememberedBridges(host: Host): string[] {
  const { dir } = networkFiles(host, '')
  if (!host.fs.existsSync(dir)) return []
  return host.fs.readdirSync(dir).flatMap((file) => (file.endsWith('.json') ? [file.slice(0, -'.json'.length)] : [])).sort()
}

export function writeState(host: Host, state: NetworkState): void {
  const files = networkFiles(host, state.plan.bridge)
  host.fs.mkdirSync(files.dir, { recursive: true, mode: 0o700 })
  host.writeFileAtomic(files.state, `${JSON.stringify(state)}\n`, 0o600)
}

export function interfaceExists(host: Host, name: string): boolean {
  return host.fs.existsSync(`/sys/class/net/${name}`)
}

export function isBridge(host: Host, name: string): boolean {
  return host.fs.existsSync(`/sys/class/net/${name}/bridge`)
}

/** Interfaces plugged into the bridge. */
export function portsOf(host: Host, bridge: string): string[] {
  try {
    return host.fs.readdirSync(`/sys/class/net/${bridge}/brif`).sort()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/** Process id of the bridge's dnsmasq if it lives; a pid that now belongs to something else does not count. */
export function dnsmasqPid(host: Host, bridge: string): number | null {
  const files = networkFiles(host, bridge)
  const pid = Number(readIfThere(host, files.pid)?.trim())
  return Number.isInteger(pid) && pid > 0 && isDnsmasq(host, bridge, pid) ? pid : null
}

/** A zombie has no command line. */
export function isDnsmasq(host: Host, bridge: string, pid: number): boolean {
  const command = readIfThere(host, `/proc/${pid}/cmdline`)
  return command?.split('\0').includes(`--pid-file=${networkFiles(host, bridge).pid}`) ?? false
}

/** True when nothing is missing of the managed bridge, or when somebody else made a bridge of that name. */
export function networkIsUp(host: Host, bridge: string): boolean {
  if (!isBridge(host, bridge)) return false
  const state = readState(host, bridge)
  return state === null || isServed(host, state)
}

/** Whether its dnsmasq is there; a bridge without an address has none, and needs none. */
export function isServed(host: Host, { plan }: Pick<NetworkState, 'plan'>): boolean {
  return (!plan.ipv4 && !plan.ipv6) || dnsmasqPid(host, plan.bridge) !== null
}

/** Runs one at a time for each bridge. */
export async function withNetworkLock<T>(host: Host, bridge: string, purpose: string, work: () => Promise<T>): Promise<T> {
  const files = networkFiles(host, bridge)
  host.fs.mkdirSync(files.dir, { recursive: true, mode: 0o700 })
  const lock = await host.lock(files.lock, { timeoutMs: 30_000, purpose })
  try {
    return await work()
  } finally {
    await lock.release()
  }
}

const PACKAGES: Readonly<Record<string, string>> = { ip: 'iproute2', nft: 'nftables', dnsmasq: 'dnsmasq-base' }

/** Runs ip, nft or dnsmasq; throws TlxcError NETWORK with its last words, or naming the Debian package that has it. */
export async function runTool(host: Host, what: string, tool: string, args: readonly string[], input?: string): Promise<string> {
  let result
  try {
    result = await host.exec(tool, args, input === undefined ? {} : { input })
  } catch (error) {
    if (!(error instanceof TlxcError) || error.code !== 'EXEC') throw error
    throw new TlxcError('NETWORK', `cannot ${what}: there is no program "${tool}"`, { hint: `install it: apt-get install ${PACKAGES[tool] ?? tool}`, cause: error })
  }
  if (result.exitCode === 0) return result.stdout
  const words = result.stderr.trim().split('\n').filter((line) => line.trim() !== '' && !/^\s*\^+/.test(line))
  throw new TlxcError('NETWORK', `cannot ${what}: ${tool} said: ${words[0]?.trim() ?? `exit code ${result.exitCode}`}`)
}

function readIfThere(host: Host, path: string): string | null {
  try {
    return host.fs.readFileSync(path, 'utf8')
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ESRCH') return null
    if (code === 'EACCES') throw new TlxcError('PRIVILEGE', `cannot read "${path}": only root can`, { hint: 'run it as root', cause: error })
    throw error
  }
}
