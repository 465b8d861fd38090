/** Takes the managed bridge down: exactly what ensureNetwork made. */
import type { Host } from '../host/host.ts'
import { TlxcError, errnoOf } from '../errors.ts'
import { tableName } from './bridge.ts'
import { closeForeignChains } from './foreign-rules.ts'
import {
  dnsmasqPid, isBridge, isDnsmasq, networkFiles, portsOf, readState, rememberedBridges, runTool, withNetworkLock, type NetworkState,
} from './state.ts'

const GRACE_MS = 300

/** This bridge, and whatever else is still there because [network] had another name for it. Throws TlxcError BUSY while interfaces are plugged in, unless `force`. */
export async function stopNetworks(host: Host, bridge: string, force: boolean): Promise<void> {
  for (const name of new Set([bridge, ...rememberedBridges(host)])) await stopNetwork(host, name, force)
}

/** False: there was nothing of ours. Throws TlxcError BUSY while interfaces are plugged in, unless `force`. */
async function stopNetwork(host: Host, bridge: string, force: boolean): Promise<boolean> {
  return await withNetworkLock(host, bridge, 'network stop', async () => {
    if (readState(host, bridge) === null) return false
    const ports = force ? [] : await lastingPorts(host, bridge)
    if (ports.length > 0) {
      throw new TlxcError('BUSY', `cannot stop "${bridge}": ${ports.length === 1 ? 'a container uses' : 'containers use'} it (${ports.join(', ')})`, {
        hint: 'stop the containers first, or cut them off: tlxc-net stop --force',
      })
    }
    await dismantle(host, bridge)
    return true
  })
}

/** The kernel takes some 20 ms to delete the interface of a container that has just stopped. */
async function lastingPorts(host: Host, bridge: string): Promise<string[]> {
  let ports = portsOf(host, bridge)
  for (let waited = 0; ports.length > 0 && waited < GRACE_MS; waited += 20) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    ports = portsOf(host, bridge)
  }
  return ports
}

/** The caller holds the network lock. What is gone already is no error. Throws TlxcError NETWORK; what nft has no part in is gone then, too. */
export async function dismantle(host: Host, bridge: string): Promise<void> {
  const state = readState(host, bridge)
  if (state === null) return
  await stopDnsmasq(host, bridge)
  const failure = await takeOutRules(host, state).then(() => null, (error: unknown) => ({ error }))
  if (isBridge(host, bridge)) await runTool(host, `remove bridge "${bridge}"`, 'ip', ['link', 'delete', 'dev', bridge, 'type', 'bridge'])
  const files = networkFiles(host, bridge)
  // Rules of ours in the chains of others: what is remembered of them is needed to take them out.
  const kept = failure !== null && state.opened.length > 0
  for (const file of [files.pid, files.leases, ...(kept ? [] : [files.state])]) host.fs.rmSync(file, { force: true })
  if (failure !== null) throw failure.error
}

async function takeOutRules(host: Host, state: NetworkState): Promise<void> {
  await closeForeignChains(host, state)
  if (!state.plan.nat) return
  const name = tableName(state.plan.bridge)
  await runTool(host, 'take down NAT', 'nft', ['-f', '-'], `add table inet ${name}\ndelete table inet ${name}\n`)
}

async function stopDnsmasq(host: Host, bridge: string): Promise<void> {
  const pid = dnsmasqPid(host, bridge)
  // Its pid file goes before it does.
  for (let waited = 0; pid !== null && isDnsmasq(host, bridge, pid); waited += 10) {
    sendSignal(host, pid, waited < 2000 ? 'SIGTERM' : 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function sendSignal(host: Host, pid: number, signal: NodeJS.Signals): void {
  try {
    host.kill(pid, signal)
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}
