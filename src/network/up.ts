/** Brings the managed bridge up, or what is missing of it. */
import { createHash } from 'node:crypto'
import type { Host } from '../host/host.ts'
import { TlxcError, errnoOf } from '../errors.ts'
import { dnsmasqArgs, linkBatch, planBridge, rulesetText, type BridgePlan, type NetworkFacts } from './bridge.ts'
import { dismantle } from './down.ts'
import { chainsToOpen, openText, parseChains } from './foreign.ts'
import { closeForeignChains } from './foreign-rules.ts'
import type { NetworkSettings } from './settings.ts'
import {
  interfaceExists, isBridge, isServed, networkFiles, readState, runTool, withNetworkLock, writeState, type NetworkState,
} from './state.ts'
import { parseRoutes4 } from './subnet.ts'

/**
 * The managed bridge is up when this resolves; no program is run when it is up already. A bridge of that name that somebody else made
 * is left as it is (null). Throws TlxcError NETWORK.
 */
export async function ensureNetwork(host: Host, settings: NetworkSettings): Promise<NetworkState | null> {
  const present = upState(host, settings.bridge)
  if (present !== undefined) return present
  return await withNetworkLock(host, settings.bridge, 'network start', async () => {
    const meanwhile = upState(host, settings.bridge)
    return meanwhile !== undefined ? meanwhile : await bringUp(host, settings)
  })
}

/** undefined: something is missing. */
function upState(host: Host, bridge: string): NetworkState | null | undefined {
  const there = isBridge(host, bridge)
  if (!there && interfaceExists(host, bridge)) {
    throw new TlxcError('NETWORK', `cannot use "${bridge}" as bridge: an interface of that name is none`, { hint: 'set another name: bridge = NAME in [network] of tlxc.conf' })
  }
  const state = readState(host, bridge)
  if (there && state === null) return null
  return there && state !== null && isServed(host, state) ? state : undefined
}

async function bringUp(host: Host, settings: NetworkSettings): Promise<NetworkState> {
  const fresh = !isBridge(host, settings.bridge)
  const kept = readState(host, settings.bridge)
  const plan = fresh || kept === null ? planBridge(settings, networkFacts(host, settings.bridge)) : kept.plan
  const state: NetworkState = { version: 1, plan, opened: kept?.opened ?? [] }
  writeState(host, state)
  try {
    if (fresh) await runTool(host, `make bridge "${plan.bridge}"`, 'ip', ['-batch', '-'], linkBatch(plan))
    forwardPackets(host, plan)
    await setRules(host, state)
    await startDnsmasq(host, plan)
    return state
  } catch (error) {
    // Containers may hang on a bridge that was there before; a new one serves nobody yet.
    if (fresh) await dismantle(host, plan.bridge).catch(() => undefined)
    throw error
  }
}

async function setRules(host: Host, state: NetworkState): Promise<void> {
  const { plan } = state
  if (plan.nat) await runTool(host, 'set up NAT', 'nft', ['-f', '-'], rulesetText(plan))
  await closeForeignChains(host, state)
  const families: ('ip' | 'ip6')[] = [...(plan.ipv4 ? (['ip'] as const) : []), ...(plan.ipv6 ? (['ip6'] as const) : [])]
  state.opened = chainsToOpen(parseChains(await listChains(host, plan)), families)
  writeState(host, state)
  if (state.opened.length > 0) await runTool(host, 'let the bridge through the firewall', 'nft', ['-f', '-'], openText(state.opened, plan.bridge))
}

/** A machine that needs no NAT may have no nft, and then no firewall of it. */
async function listChains(host: Host, plan: BridgePlan): Promise<string> {
  const listing = runTool(host, 'read the firewall', 'nft', ['-j', 'list', 'chains'])
  return plan.nat ? listing : listing.catch(() => '')
}

async function startDnsmasq(host: Host, plan: BridgePlan): Promise<void> {
  if (isServed(host, { plan })) return
  const files = networkFiles(host, plan.bridge)
  const user = /^dnsmasq:/m.test(host.fs.readFileSync('/etc/passwd', 'utf8')) ? 'dnsmasq' : 'nobody'
  await runTool(host, `serve addresses on "${plan.bridge}"`, 'dnsmasq', dnsmasqArgs(plan, files, user))
}

/** Left on when the bridge goes: other things on the machine may rely on it by then. */
function forwardPackets(host: Host, plan: BridgePlan): void {
  if (plan.ipv4) host.fs.writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')
  if (!plan.ipv6) return
  const all = '/proc/sys/net/ipv6/conf/all/forwarding'
  if (host.fs.readFileSync(all, 'utf8').trim() !== '1') keepRouterAdvertisements(host)
  host.fs.writeFileSync(all, '1')
}

/** A host that forwards ignores router advertisements unless accept_ra is 2 (ip-sysctl), and would lose its own IPv6 address. */
function keepRouterAdvertisements(host: Host): void {
  for (const name of host.fs.readdirSync('/proc/sys/net/ipv6/conf')) {
    const file = `/proc/sys/net/ipv6/conf/${name}/accept_ra`
    if (name !== 'all' && name !== 'default' && host.fs.readFileSync(file, 'utf8').trim() === '1') host.fs.writeFileSync(file, '2')
  }
}

function networkFacts(host: Host, bridge: string): NetworkFacts {
  const routes = parseRoutes4(host.fs.readFileSync('/proc/net/route', 'utf8'))
  return {
    taken: routes.filter((route) => route.device !== bridge),
    digest: createHash('sha256').update(`${machineId(host)} ${bridge}`).digest('hex'),
  }
}

function machineId(host: Host): string {
  try {
    return host.fs.readFileSync('/etc/machine-id', 'utf8').trim()
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    return host.fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  }
}
