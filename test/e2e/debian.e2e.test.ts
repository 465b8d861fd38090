/** Debian with systemd, unprivileged by default: `running` and not `degraded`, network by DHCP, clean stop and reboot. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, freshName, must, run, tlxc, leavesNothing } from '../helpers/e2e.ts'
import { slowCreate, useSharedCache } from '../helpers/shared-cache.ts'

/** What systemd says once it has an opinion: right after the start its bus is not there yet. */
const settled = (name: string): Promise<string> =>
  eventually('an answer of systemd', async () => {
    const { stdout } = await tlxc('attach', '-n', name, '--', 'systemctl', 'is-system-running', '--wait')
    return /^(running|degraded)/.exec(stdout)?.[1]
  }, 60_000)

describe.each([
  ['unprivileged', [] as string[]],
  ['privileged', ['--privileged']],
])('Debian, %s', (_kind, flags) => {
  const name = freshName('deb')

  beforeAll(async () => {
    useSharedCache()
    await slowCreate('-q', '-n', name, ...flags, '-t', 'debian')
    await must('start', '-n', name)
  }, 600_000)
  afterAll(async () => {
    await tlxc('destroy', '-f', '-n', name)
    await leavesNothing(name)
  })

  test('systemd reaches running, with no failed unit', async () => {
    const state = await settled(name)
    const failed = await must('attach', '-n', name, '--', 'systemctl', '--failed', '--no-legend', '--plain')
    expect(failed).toBe('')
    expect(state).toBe('running')
  })

  test('has an address by DHCP; the name of the container resolves on the bridge', async () => {
    const ip = await eventually('an IPv4 address', async () => /\d+\.\d+\.\d+\.\d+/.exec(await must('info', '-n', name, '-iH'))?.[0])
    const resolv = await must('attach', '-n', name, '--', 'getent', 'ahostsv4', name)
    expect(ip && resolv.length > 0).toBeTruthy()
  })

  test('apt reaches its mirror by DNS and NAT, and has the keys of what it signs', async () => {
    // What is signed, without the lists that it signs.
    const targets = ['Packages', 'Translations'].flatMap((target) => ['-o', `Acquire::IndexTargets::deb::${target}::DefaultEnabled=false`])
    const { code, stdout, stderr } = await tlxc('attach', '-n', name, '--', 'apt-get', 'update', '-o', 'APT::Update::Error-Mode=any', ...targets)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^(Get|Hit):\d+ http.* bookworm InRelease/m)
  })

  test('detects a container, not a bare machine', async () => {
    expect((await tlxc('attach', '-n', name, '--', 'systemd-detect-virt')).stdout).toBe('lxc\n')
  })

  test('reboots inside and comes up again', async () => {
    const before = (await must('info', '-n', name, '-pH')).trim()
    await tlxc('attach', '-n', name, '--', 'reboot')
    await eventually('a new init', async () => {
      const pid = (await tlxc('info', '-n', name, '-pH')).stdout.trim()
      return pid !== '' && pid !== before
    })
    expect(await settled(name)).toBe('running')
  })

  test('shuts down from inside', async () => {
    await tlxc('attach', '-n', name, '--', 'shutdown', '-h', 'now')
    await must('wait', '-n', name, '-s', 'STOPPED', '-t', '60')
    await leavesNothing(name)
  })

  test('stops cleanly from outside: systemd wrote its journal to the end', async () => {
    await must('start', '-n', name)
    await settled(name)
    const begin = Date.now()
    await must('stop', '-n', name)
    // The hard stop comes after 60 s; well below means that systemd took the halt signal.
    expect(Date.now() - begin).toBeLessThan(50_000)
    expect(await must('info', '-n', name, '-sH')).toBe('STOPPED\n')
  })
})

test('the host tools see no mount of a stopped container', async () => {
  expect((await run('findmnt', ['-rno', 'TARGET'])).stdout).not.toContain('tlxc-e2e-deb')
})
