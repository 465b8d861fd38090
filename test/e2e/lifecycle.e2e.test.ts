/** The walking skeleton: a busybox container from create to destroy, as a person would do it. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, freshName, must, tlxc, leavesNothing } from '../helpers/e2e.ts'

const parentOf = (pid: number): number => Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

describe('life of a busybox container', () => {
  const name = freshName('life')

  beforeAll(async () => {
    await must('create', '-q', '-n', name, '-t', 'busybox')
  })
  afterAll(async () => {
    await tlxc('destroy', '-f', '-n', name)
    await leavesNothing(name)
  })

  test('is defined and stopped after create', async () => {
    expect((await must('ls', '-1')).split('\n')).toContain(name)
    expect(await must('info', '-n', name, '-sH')).toBe('STOPPED\n')
  })

  test('starts in the background and says nothing', async () => {
    const result = await tlxc('start', '-n', name)
    expect(result).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(await must('info', '-n', name, '-sH')).toBe('RUNNING\n')
  })

  test('a second start is a success, as with LXC', async () => {
    expect((await tlxc('start', '-n', name)).code).toBe(0)
  })

  test('root inside is nobody on the host, and owns its files inside', async () => {
    expect(await must('attach', '-n', name, '--', 'id', '-u')).toBe('0\n')
    const pid = (await must('info', '-n', name, '-pH')).trim()
    const uid = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    expect(Number(uid)).toBeGreaterThan(65_535)
    expect(await must('attach', '-n', name, '--', 'stat', '-c', '%u', '/etc/passwd')).toBe('0\n')
  })

  test('gets an IPv4 address by DHCP and reaches the host', async () => {
    const ip = await eventually('an address', async () => /\d+\.\d+\.\d+\.\d+/.exec(await must('info', '-n', name, '-iH'))?.[0])
    expect(ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
    const gateway = (await must('attach', '-n', name, '--', 'sh', '-c', 'ip route | sed -n "s/^default via \\([0-9.]*\\).*/\\1/p"')).trim()
    expect((await tlxc('attach', '-n', name, '--', 'ping', '-c', '1', '-W', '5', gateway)).code).toBe(0)
  })

  test('attach passes the exit status and the signal of its command', async () => {
    expect((await tlxc('attach', '-n', name, '--', 'sh', '-c', 'exit 7')).code).toBe(7)
    expect((await tlxc('attach', '-n', name, '--', 'sh', '-c', 'kill -TERM $$')).code).toBe(128 + 15)
  })

  test('freeze stops every process, unfreeze lets them go on', async () => {
    const pid = (await must('info', '-n', name, '-pH')).trim()
    const alive = (): string => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] ?? ''
    await must('freeze', '-n', name)
    expect(await must('info', '-n', name, '-sH')).toBe('FROZEN\n')
    expect(alive()).toMatch(/[DS]/)
    await must('unfreeze', '-n', name)
    expect(await must('info', '-n', name, '-sH')).toBe('RUNNING\n')
  })

  test('reboot inside keeps the monitor and gives a new init', async () => {
    const before = (await must('info', '-n', name, '-pH')).trim()
    await must('stop', '-r', '-n', name)
    const after = await eventually('a new init', async () => {
      const pid = (await must('info', '-n', name, '-pH')).trim()
      return pid !== '' && pid !== before ? pid : undefined
    })
    expect(after).not.toBe(before)
  })

  test('what deleted the network of a life before is waited for', async () => {
    const initPid = async (): Promise<number> => Number((await must('info', '-n', name, '-pH')).trim())
    let pid = await initPid()
    const monitor = parentOf(pid)
    for (let i = 0; i < 3; i++) {
      const before = pid
      await tlxc('attach', '-n', name, '--', 'reboot', '-f')
      pid = await eventually('a new init', async () => ((pid = await initPid()) !== before && pid > 0 ? pid : undefined))
      await eventually('it runs', async () => (await must('info', '-n', name, '-sH')).trim() === 'RUNNING')
    }
    const children = readFileSync(`/proc/${monitor}/task/${monitor}/children`, 'utf8').trim().split(' ').map(Number)
    // The last one may still be at it, or be dead and waited for by the next.
    expect(children.filter((child) => child !== pid).length).toBeLessThanOrEqual(1)
  })

  test('stops cleanly, and a second stop says 2', async () => {
    await must('stop', '-n', name)
    expect(await must('info', '-n', name, '-sH')).toBe('STOPPED\n')
    await leavesNothing(name)
    expect((await tlxc('stop', '-n', name)).code).toBe(2)
  })

  test('what was put into its cgroup from outside is killed with it', async () => {
    await must('start', '-n', name)
    const guests = Array.from({ length: 20 }, () => spawn('sleep', ['100']))
    const ends = guests.map((guest) => once(guest, 'exit'))
    const leaves = execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-name', `tlxc.payload.${name}`], { encoding: 'utf8' }).trim().split('\n')
    for (const leaf of leaves) for (const guest of guests) writeFileSync(`${leaf}/cgroup.procs`, String(guest.pid))
    await must('stop', '-k', '-n', name)
    expect(await Promise.all(ends)).toEqual(guests.map(() => [null, 'SIGKILL']))
    await leavesNothing(name)
  })

  test('is killed by -k, frozen or not', async () => {
    for (const frozen of [false, true]) {
      await must('start', '-n', name)
      if (frozen) await must('freeze', '-n', name)
      await must('stop', '-k', '-n', name)
      await leavesNothing(name)
    }
  })

  test('a killed monitor takes its container along; the next command cleans up and says so', async () => {
    await must('start', '-n', name)
    const monitor = parentOf(Number((await must('info', '-n', name, '-pH')).trim()))
    // As in a delegated scope, where who started it is taken along into the monitor's cgroup.
    const caller = spawn('sleep', ['100'])
    const leaves = execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-name', `tlxc.monitor.${name}`], { encoding: 'utf8' }).trim().split('\n')
    for (const leaf of leaves.filter((path) => path !== '')) writeFileSync(`${leaf}/cgroup.procs`, String(caller.pid))
    process.kill(monitor, 'SIGKILL')
    const info = await eventually('the cleanup', async () => {
      const result = await tlxc('info', '-n', name, '-s')
      return result.stdout.includes('STOPPED') ? result : undefined
    })
    expect(info.code).toBe(0)
    expect(info.stderr).toContain('monitor')
    await leavesNothing(name)
    expect(caller.kill()).toBe(true)
    expect(await once(caller, 'exit')).toEqual([null, 'SIGTERM'])
    await must('start', '-n', name)
    await must('stop', '-k', '-n', name)
  })

  test('a monitor that has no memory left ends; the next command cleans up', async () => {
    await must('start', '-n', name)
    const pid = Number((await must('info', '-n', name, '-pH')).trim())
    const monitor = parentOf(pid)
    execFileSync('prlimit', ['--pid', String(monitor), '--as=4096'])
    process.kill(pid, 'SIGKILL')
    await eventually('the cleanup', async () => (await must('info', '-n', name, '-s')).includes('STOPPED'))
    await leavesNothing(name)
    await must('start', '-n', name)
    await must('stop', '-k', '-n', name)
  })
})
