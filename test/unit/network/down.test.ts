/** Taking bridges down when something is in the way; test/e2e/network.e2e.test.ts does it with real ones. */
import { existsSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { planBridge } from '../../../src/network/bridge.ts'
import { stopNetworks } from '../../../src/network/down.ts'
import { isServed, networkFiles, readState, writeState, type NetworkState } from '../../../src/network/state.ts'
import { makeTempHost, type TempHost } from '../../helpers/temp-host.ts'

const settings = { bridge: 'tlxcnone0', ipv4: 'auto', ipv6: 'none', domain: 'tlxc', nat: true }
const stateOf = (bridge: string, more: Partial<NetworkState> = {}): NetworkState => ({
  version: 1, plan: planBridge({ ...settings, bridge }, { taken: [], digest: '0123456789abcdef0123456789' }), opened: [], ...more,
})

let host: TempHost
beforeEach(() => (host = makeTempHost()))
afterEach(() => host.dispose())
const remembered = (bridge: string): boolean => existsSync(networkFiles(host, bridge).state)

test('without nft it ends with an error, and is forgotten all the same', async () => {
  host.onExec = (file) => ({ exitCode: file === 'nft' ? 1 : 0 })
  writeState(host, stateOf('tlxcnone0'))
  await expect(stopNetworks(host, 'tlxcnone0', false)).rejects.toMatchObject({ code: 'NETWORK', message: expect.stringContaining('cannot take down NAT') as string })
  expect(remembered('tlxcnone0')).toBe(false)
})

test('rules of ours that could not be taken out of a chain of others are remembered', async () => {
  const listing = JSON.stringify({ nftables: [{ rule: { comment: 'tlxc tlxcnone0', handle: 7 } }] })
  host.onExec = (file, args) => ({ exitCode: file === 'nft' && args[0] === 'delete' ? 1 : 0, stdout: listing })
  writeState(host, stateOf('tlxcnone0', { opened: [{ family: 'ip', table: 'filter', chain: 'FORWARD' }] }))
  await expect(stopNetworks(host, 'tlxcnone0', false)).rejects.toMatchObject({ code: 'NETWORK' })
  expect(readState(host, 'tlxcnone0')?.opened).toHaveLength(1)
})

test('a bridge that had another name in tlxc.conf goes, too', async () => {
  for (const bridge of ['tlxcnone0', 'tlxcnone1']) writeState(host, stateOf(bridge))
  await stopNetworks(host, 'tlxcnone0', false)
  expect(['tlxcnone0', 'tlxcnone1'].map(remembered)).toEqual([false, false])
})

test('a bridge without an address needs no dnsmasq', () => {
  const none = planBridge({ ...settings, ipv4: 'none' }, { taken: [], digest: '0123456789abcdef0123456789' })
  expect([isServed(host, { plan: none }), isServed(host, stateOf('tlxcnone0'))]).toEqual([true, false])
})
