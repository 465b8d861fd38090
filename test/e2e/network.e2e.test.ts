/** The managed bridge: on demand, names, the way out by NAT, taken down without a rest. */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binDir, eventually, freshName, must, run, tlxc, type Result } from '../helpers/e2e.ts'

const BRIDGE = process.env['TLXC_TEST_BRIDGE'] ?? ''
const OUTSIDE = `tlxcout${process.pid}`
const UPLINK = `tlxo${process.pid}`
const [a, b] = [freshName('net'), freshName('net')]
const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' })
const inside = (name: string, ...command: string[]): Promise<string> => must('attach', '-n', name, '--', ...command)
const address = (name: string): Promise<string> => eventually('an address', async () => /\b10\.\d+\.\d+\.\d+|172\.31\.\d+\.\d+|192\.168\.\d+\.\d+/.exec(await inside(name, 'ip', '-4', 'addr', 'show', 'eth0'))?.[0])

beforeAll(async () => {
  for (const name of [a, b]) await must('create', '-q', '-n', name, '-t', 'busybox')
  await tlxc('net', 'stop')
  // The outside is a network namespace of this test, one hop away, that knows no way back to the containers' network.
  ip('netns', 'add', OUTSIDE)
  ip('link', 'add', UPLINK, 'type', 'veth', 'peer', 'name', 'out0', 'netns', OUTSIDE)
  ip('addr', 'add', '198.51.100.1/24', 'dev', UPLINK)
  ip('link', 'set', UPLINK, 'up')
  ip('-n', OUTSIDE, 'addr', 'add', '198.51.100.2/24', 'dev', 'out0')
  ip('-n', OUTSIDE, 'link', 'set', 'out0', 'up')
})
afterAll(async () => {
  for (const name of [a, b]) await tlxc('destroy', '-f', '-n', name)
  ip('netns', 'del', OUTSIDE)
})

describe('with two containers', () => {
  test('a start brings the bridge up', async () => {
    expect(ip('-br', 'link')).not.toContain(BRIDGE)
    await Promise.all([must('start', '-n', a), must('start', '-n', b)])
    expect(ip('-br', 'link')).toContain(BRIDGE)
    expect(JSON.parse(await must('net', 'status', '--json'))).toMatchObject({ schema: 'tlxc/net/1', bridge: BRIDGE, state: 'up', nat: true })
  })

  test('addresses by DHCP, names by DNS, each reaches the other', async () => {
    const addresses = await Promise.all([address(a), address(b)])
    expect(new Set(addresses).size).toBe(2)
    expect(await inside(a, 'nslookup', `${b}.tlxc`)).toContain(addresses[1])
    await inside(a, 'ping', '-c', '1', '-W', '5', addresses[1] ?? '')
    expect(await inside(a, 'nslookup', 'host.tlxc')).toMatch(/Name:\s+host\.tlxc/)
  })

  test('the outside is reached by NAT', async () => {
    await address(a)
    await inside(a, 'ping', '-c', '1', '-W', '5', '198.51.100.2')
  })

  test('stop refuses while containers use it', async () => {
    const result = await tlxc('net', 'stop')
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/--force/)
    expect(ip('-br', 'link')).toContain(BRIDGE)
  })

  test('a dead dnsmasq is back with the next start', async () => {
    const { dnsmasq_pid: pid } = JSON.parse(await must('net', 'status', '--json')) as { dnsmasq_pid: number }
    process.kill(pid, 'SIGKILL')
    await must('stop', '-k', '-n', b)
    await must('start', '-n', b)
    const after = JSON.parse(await must('net', 'status', '--json')) as { dnsmasq_pid: number | null; state: string }
    expect(after.state).toBe('up')
    expect(after.dnsmasq_pid).not.toBe(pid)
    await address(b)
  })
})

test('stop removes bridge, rules and dnsmasq; status says down', async () => {
  for (const name of [a, b]) await must('stop', '-k', '-n', name)
  const { dnsmasq_pid: pid } = JSON.parse(await must('net', 'status', '--json')) as { dnsmasq_pid: number }
  await eventually('the ports to go', async () => (JSON.parse(await must('net', 'status', '--json')) as { ports: string[] }).ports.length === 0)
  await must('net', 'stop')
  expect(ip('-br', 'link')).not.toContain(BRIDGE)
  expect(execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' })).not.toContain(`tlxc-${BRIDGE}`)
  expect(existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : '').not.toContain('dnsmasq')
  expect(await must('net', 'status')).toMatch(/State: +DOWN/)
  await must('net', 'stop')
})

test('lxcbr0 of an LXC configuration is answered by the managed bridge, with a notice', async () => {
  const result = await tlxc('start', '-n', a, '-s', 'lxc.net.0.link=lxcbr0')
  expect(result.code).toBe(0)
  expect(result.stderr).toContain(`there is no lxcbr0, using ${BRIDGE} instead`)
  await address(a)
  await must('stop', '-k', '-n', a)
})

test('twenty starts of the network at once make one', async () => {
  await tlxc('net', 'stop', '--force')
  const results = await Promise.all(Array.from({ length: 20 }, () => tlxc('net', 'start')))
  expect(results.map((result) => result.code)).toEqual(Array<number>(20).fill(0))
  const running = execFileSync('sh', ['-c', `cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c -- '^--interface=${BRIDGE}$'`], { encoding: 'utf8' })
  expect(running.trim()).toBe('1')
})

describe('a machine and a tlxc.conf of its own', () => {
  const machine = `tlxcm${process.pid}`
  let root = ''
  const net = (action: string): Promise<Result> => run('ip', ['netns', 'exec', machine, join(binDir, 'tlxc-net'), action], { env: { TLXC_ROOT: root } })
  const links = (): string => ip('-n', machine, '-br', 'link')
  const settings = (...lines: string[]): void => writeFileSync(join(root, 'etc/tlxc/tlxc.conf'), `[network]\n${lines.join('\n')}\n`)
  const nft = (...args: string[]): string => ip('netns', 'exec', machine, 'nft', ...args)

  beforeAll(() => {
    root = mkdtempSync('/var/tmp/tlxc-net-')
    chmodSync(root, 0o711)
    mkdirSync(join(root, 'etc/tlxc'), { recursive: true })
    ip('netns', 'add', machine)
  })
  afterAll(async () => {
    await net('stop')
    ip('netns', 'del', machine)
    rmSync(root, { recursive: true })
  })

  test('without nftables: an error with the mend, and nothing half-made stays; nat = 0 needs none', async () => {
    const find = (program: string): string => execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim()
    const bin = join(root, 'bin')
    mkdirSync(bin)
    for (const program of ['ip', 'dnsmasq']) copyFileSync(find(program), join(bin, program))
    // Whatever PATH says, the system's directories are searched: the one that nft is in is empty. ip-netns(8) gives it mounts of its own.
    const script = 'mount -t tmpfs none "$1"; exec "$2" "$3"'
    const netWithout = (action: string): Promise<Result> =>
      run('ip', ['netns', 'exec', machine, 'sh', '-c', script, 'sh', dirname(find('nft')), join(binDir, 'tlxc-net'), action], { env: { TLXC_ROOT: root, PATH: `${bin}:/usr/bin:/bin` } })
    settings('bridge = first')
    const failed = await netWithout('start')
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringMatching(/there is no program "nft"[^]*apt-get install nftables/)])
    expect(links()).not.toContain('first')
    settings('bridge = first', 'nat = 0')
    for (const action of ['start', 'stop']) expect(await netWithout(action)).toMatchObject({ code: 0, stderr: '' })
  })

  test('nat = 0: packets are let through the firewall all the same', async () => {
    nft('add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }')
    settings('bridge = first', 'nat = 0')
    expect(await net('start')).toMatchObject({ code: 0, stderr: '' })
    expect(nft('list', 'ruleset')).toContain('iifname "first"')
    expect(nft('list', 'ruleset')).not.toContain('masquerade')
    expect(await net('stop')).toMatchObject({ code: 0, stderr: '' })
    expect(nft('list', 'ruleset')).not.toContain('iifname "first"')
  })

  test('a bridge without addresses is up, without dnsmasq', async () => {
    settings('bridge = first', 'ipv4 = none', 'ipv6 = none')
    expect(await net('start')).toMatchObject({ code: 0, stderr: '' })
    expect((await net('status')).stdout).toMatch(/State: +UP\n/)
  })

  test('another name in tlxc.conf: restart takes down the bridge of the old one', async () => {
    settings('bridge = second')
    expect(await net('restart')).toMatchObject({ code: 0, stderr: '' })
    expect(links()).toContain('second')
    expect(links()).not.toContain('first')
  })

  test('status for others than root: only root sees it', async () => {
    const said = await run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', join(binDir, 'tlxc-net'), 'status'], { env: { TLXC_ROOT: root } })
    expect([said.code, said.stderr]).toEqual([1, expect.stringMatching(/only root can[^]*run it as root/)])
  })
})
