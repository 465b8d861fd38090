/** Root of a container at its worst: it costs itself something, and neither the host nor its commands. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { binDir, freshName, leavesNothing, must, run, tlxc } from '../helpers/e2e.ts'
import { inside, NO_NET, script, started, work } from '../helpers/keys.ts'

const kinds = { unprivileged: freshName('hostile'), privileged: freshName('hostilep') }
beforeAll(async () => {
  mkdirSync(work, { recursive: true })
  await must('create', '-q', '-n', kinds.unprivileged, '-t', 'busybox')
  await must('create', '-q', '-n', kinds.privileged, '-t', 'busybox', '--privileged')
})
afterAll(async () => {
  for (const name of Object.values(kinds)) {
    await must('destroy', '-f', '-n', name)
    await leavesNothing(name)
  }
  rmSync(work, { recursive: true, force: true })
})

test('interfaces with names that are no UTF-8: info and ls still answer', async () => {
  const name = kinds.unprivileged
  await started(name, NO_NET, async () => {
    await inside(name, 'ip link add "$(printf "a\\377b")" type veth')
    const { interfaces } = JSON.parse(await must('info', '-n', name, '--json')) as { interfaces: { name: string }[] }
    expect(interfaces.map((net) => net.name).sort()).toEqual(['a?b', 'lo', 'veth0'])
    expect(await must('ls', '-f')).toMatch(new RegExp(`${name} +RUNNING`))
  })
})

test('interfaces without number: a status has a number of them', async () => {
  const name = kinds.unprivileged
  await started(name, NO_NET, async () => {
    await inside(name, 'for i in $(seq 1 150); do ip link add x$i type veth; done')
    const { interfaces } = JSON.parse(await must('info', '-n', name, '--json')) as { interfaces: { name: string }[] }
    expect(interfaces).toHaveLength(256)
    expect(interfaces.map((net) => net.name)).toContain('lo')
  })
})

test('cgroups nested deeper than a path can be are removed with it', async () => {
  const name = kinds.unprivileged
  await started(name, NO_NET, async () => {
    const depth = await inside(name, 'mkdir -p /tmp/c && mount -t cgroup2 x /tmp/c && cd /tmp/c && for i in $(seq 1 19); do n=$(printf "%0213d" $i); mkdir $n && cd $n || exit 1; done; pwd | wc -c')
    expect(Number(depth)).toBeGreaterThan(4060)
  })
})

test('PID 1 of tlxc-execute keeps no capability that root inside could take from it', async () => {
  const result = await tlxc('execute', '-n', kinds.privileged, '-s', 'lxc.net=', '--', 'grep', 'Cap', '/proc/1/status', '/proc/self/status')
  const sets = [...result.stdout.matchAll(/status:Cap(Prm|Eff|Bnd):\s+(\w+)/g)].map((match) => match[2])
  expect(sets).toHaveLength(6)
  expect(new Set(sets).size).toBe(1)
  expect(BigInt(`0x${sets[0] ?? ''}`) & (1n << 16n)).toBe(0n)
})

test.each(['pre-start', 'start-host', 'mount'])('output of a %s hook that is no text costs the report nothing, and the terminal neither', async (type) => {
  const file = script('bad', 'printf "bad \\377\\033[31m text\\n"; exit 3')
  const result = await tlxc('start', '-n', kinds.privileged, '-s', 'lxc.net=', '-s', `lxc.hook.${type}=${file}`)
  expect(result.stderr).toContain('bad ??[31m text')
  expect(result.code).toBe(1)
  await leavesNothing(kinds.privileged)
})

test('the caller\'s groups are not those of hooks of an unprivileged container', async () => {
  const name = kinds.unprivileged
  const hook = 'lxc.hook.start=/bin/sh -c "grep ^Groups /proc/self/status >/groups"'
  const args = ['--groups', '4,6', join(binDir, 'tlxc-start'), '-n', name, '-s', 'lxc.net=', '-s', hook]
  expect((await run('setpriv', args)).code).toBe(0)
  expect((await inside(name, 'cat /groups')).trim()).toBe('Groups:')
  await must('stop', '-k', '-n', name)
})
