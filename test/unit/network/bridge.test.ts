import { describe, expect, test } from 'vitest'
import { parseSystemConfig } from '../../../src/config/system-config.ts'
import { dnsmasqArgs, isInterfaceName, linkBatch, planBridge, rulesetText } from '../../../src/network/bridge.ts'
import { chainsToOpen, openText, ownHandles, parseChains, strangersThatDrop } from '../../../src/network/foreign.ts'
import { parseLeases } from '../../../src/network/status.ts'
import { networkOf, parseCidr, type Network } from '../../../src/network/subnet.ts'

const DEFAULT_NETWORK = parseSystemConfig('', 'tlxc.conf').network
const facts = { taken: [], digest: '0123456789abcdef0123456789' }
const eth0 = (text: string): { network: Network; device: string }[] => {
  const cidr = parseCidr(text)
  return cidr === null ? [] : [{ device: 'eth0', network: networkOf(cidr) }]
}

describe('the plan of a bridge', () => {
  test('by default: first free IPv4 network, no IPv6', () => {
    expect(planBridge(DEFAULT_NETWORK, facts)).toEqual({
      bridge: 'tlxcbr0',
      hwaddr: '02:ab:cd:ef:01:23',
      domain: 'tlxc',
      nat: true,
      ipv4: { address: '10.0.4.1', prefix: 24, network: '10.0.4.0/24', first: '10.0.4.2', last: '10.0.4.254', leases: 253 },
    })
  })
  test('an address at the end of its network leaves the start to containers', () => {
    expect(planBridge({ ...DEFAULT_NETWORK, ipv4: '192.168.7.254/24' }, facts).ipv4).toMatchObject({ first: '192.168.7.1', last: '192.168.7.253' })
  })
  test.each([
    [{ ipv4: '10.0.4.0/24' }, /that is the network/],
    [{ ipv4: '10.0.4.1/30' }, /up to 29/],
    [{ ipv4: 'fd00::1/64' }, /cannot use ipv4/],
    [{ ipv6: 'fd00::1/80' }, /\/64/],
    [{ bridge: 'a/b' }, /interface name/],
    [{ bridge: '0123456789abcdef' }, /interface name/],
  ])('%j is refused', (setting, reason) => expect(() => planBridge({ ...DEFAULT_NETWORK, ...setting }, facts)).toThrow(reason))
  test('a network that another interface has is refused by name', () => {
    expect(() => planBridge({ ...DEFAULT_NETWORK, ipv4: '10.1.2.1/24' }, { ...facts, taken: eth0('10.1.0.0/16') })).toThrow(/in use on "eth0"/)
  })
})

describe('what the tools are told', () => {
  const plan = planBridge({ ...DEFAULT_NETWORK, ipv6: 'auto', mtu: 1400 }, facts)
  test('ip', () => expect(linkBatch(plan)).toMatchInlineSnapshot(`
    "link add name tlxcbr0 address 02:ab:cd:ef:01:23 type bridge stp_state 0 forward_delay 0
    link set dev tlxcbr0 mtu 1400
    address add 10.0.4.1/24 broadcast + dev tlxcbr0
    address add fd01:2345:6789::1/64 dev tlxcbr0 nodad
    link set dev tlxcbr0 up
    "
  `))
  test('nft', () => expect(rulesetText(plan)).toMatchInlineSnapshot(`
    "add table inet tlxc-tlxcbr0
    delete table inet tlxc-tlxcbr0
    table inet tlxc-tlxcbr0 {
      chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr 10.0.4.0/24 ip daddr != { 10.0.4.0/24, 224.0.0.0/4, 255.255.255.255 } counter masquerade
        ip6 saddr fd01:2345:6789::/64 ip6 daddr != { fd01:2345:6789::/64, fe80::/10, ff00::/8 } counter masquerade
      }
    }
    "
  `))
  test('nft without NAT has an empty chain', () => expect(rulesetText({ ...plan, nat: false })).not.toContain('masquerade'))
  test('dnsmasq', () => expect(dnsmasqArgs(plan, { pid: '/run/p', leases: '/run/l' }, 'dnsmasq').join('\n')).toMatchInlineSnapshot(`
    "--conf-file=/dev/null
    --no-hosts
    --user=dnsmasq
    --bind-interfaces
    --interface=tlxcbr0
    --except-interface=lo
    --listen-address=10.0.4.1
    --listen-address=fd01:2345:6789::1
    --pid-file=/run/p
    --dhcp-leasefile=/run/l
    --dhcp-authoritative
    --dhcp-no-override
    --no-ping
    --strict-order
    --domain=tlxc
    --local=/tlxc/
    --host-record=host.tlxc,10.0.4.1,fd01:2345:6789::1
    --dhcp-range=10.0.4.2,10.0.4.254,2h
    --dhcp-lease-max=253
    --enable-ra
    --dhcp-range=::,constructor:tlxcbr0,ra-names,slaac,64,2h"
  `))
})

test.each([['tlxcbr0', true], ['a', true], ['br 0', false], ['..', false], ['', false]])('interface name %j: %j', (name, good) => expect(isInterfaceName(name)).toBe(good))

describe('firewalls of others', () => {
  const chain = (family: string, table: string, name: string, more: object = {}): object => ({ chain: { family, table, name, ...more } })
  const json = (...items: object[]): string => JSON.stringify({ nftables: [{ metainfo: {} }, ...items] })
  const docker = json(
    chain('ip', 'filter', 'FORWARD', { hook: 'forward', policy: 'drop' }),
    chain('ip', 'filter', 'INPUT', { hook: 'input', policy: 'accept' }),
    chain('ip', 'filter', 'DOCKER-USER'),
    chain('inet', 'mine', 'fwd', { hook: 'forward', policy: 'drop' }),
  )
  test('Docker: rules go to DOCKER-USER', () => {
    expect(chainsToOpen(parseChains(docker), ['ip', 'ip6'])).toEqual([{ family: 'ip', table: 'filter', chain: 'DOCKER-USER' }])
  })
  test('ufw: FORWARD and INPUT', () => {
    const ufw = parseChains(json(chain('ip', 'filter', 'FORWARD', { hook: 'forward', policy: 'drop' }), chain('ip', 'filter', 'INPUT', { hook: 'input', policy: 'drop' })))
    const refs = chainsToOpen(ufw, ['ip'])
    expect(refs.map((ref) => ref.chain)).toEqual(['FORWARD', 'INPUT'])
    expect(openText(refs, 'br0')).toMatchInlineSnapshot(`
      "insert rule ip filter FORWARD iifname "br0" counter accept comment "tlxc br0"
      insert rule ip filter FORWARD oifname "br0" ct state established,related counter accept comment "tlxc br0"
      insert rule ip filter INPUT iifname "br0" udp dport { 53, 67 } counter accept comment "tlxc br0"
      insert rule ip filter INPUT iifname "br0" tcp dport 53 counter accept comment "tlxc br0"
      "
    `)
  })
  test('a firewall without drop is left alone', () => expect(chainsToOpen(parseChains(json(chain('ip', 'filter', 'FORWARD', { hook: 'forward', policy: 'accept' }))), ['ip'])).toEqual([]))
  test('a table that is not iptables’ is only named', () => expect(strangersThatDrop(parseChains(docker))).toEqual(['table inet mine, chain fwd']))
  test('our rules are found by their comment', () => {
    const rules = json({ rule: { handle: 3, comment: 'tlxc br0' } }, { rule: { handle: 4, comment: 'tlxc br1' } }, { rule: { handle: 5 } })
    expect(ownHandles(rules, 'br0')).toEqual([3])
  })
  test('output that is no JSON is no chain', () => expect(parseChains('oops')).toEqual([]))
})

test('leases of dnsmasq; the duid line of IPv6 is none', () => {
  expect(parseLeases('1700000000 10:66:6a:00:00:01 10.0.4.7 c1 01:10:66\n1700000000 10:66:6a:00:00:02 10.0.4.8 * *\nduid 00:01\n')).toEqual([
    { address: '10.0.4.7', name: 'c1', hwaddr: '10:66:6a:00:00:01' },
    { address: '10.0.4.8', name: '', hwaddr: '10:66:6a:00:00:02' },
  ])
})
