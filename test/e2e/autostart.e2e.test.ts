/** tlxc-autostart with real containers: order, delay, groups, exit codes 0, 1 and 2. */
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshName, leavesNothing, must, run, tlxc } from '../helpers/e2e.ts'

const lxcpath = join(process.env['TLXC_ROOT'] ?? '', '/var/lib/tlxc')

describe('autostart', () => {
  const [first, second, broken] = [freshName('auto'), freshName('auto'), freshName('auto')] as const
  const group = `auto${process.pid}`

  beforeAll(async () => {
    const keys = { [first]: 'order = 1\nlxc.start.delay = 1', [second]: 'order = 2', [broken]: 'order = 3' }
    // Without layers: a copy of the directory would have the same upper, which two must not write.
    await must('create', '-q', '-t', 'busybox', '-B', 'dir', first)
    for (const name of [second, broken]) {
      // Quicker than the template, and ids of one range do for a test.
      await run('cp', ['-a', join(lxcpath, first), join(lxcpath, name)])
      const config = readFileSync(join(lxcpath, first, 'config'), 'utf8').replaceAll(first, name)
      await run('tee', [join(lxcpath, name, 'config')], { input: name === broken ? `${config}lxc.init.cmd = /nosuch\n` : config })
    }
    for (const [name, key] of Object.entries(keys)) appendFileSync(join(lxcpath, name, 'config'), `lxc.group = ${group}\nlxc.start.auto = 1\nlxc.start.${key}\n`)
    appendFileSync(join(lxcpath, broken, 'config'), `lxc.group = ${group}b\n`)
  })
  afterAll(async () => {
    for (const name of [first, second, broken]) {
      await tlxc('destroy', '-f', name)
      await leavesNothing(name)
    }
  })

  const started = async (name: string): Promise<number> => (JSON.parse(await must('info', name, '--json')) as { started_ms: number | null }).started_ms ?? 0
  const state = async (name: string): Promise<string> => (await must('info', '-sH', name)).trim()

  test('starts by order, waits the delay; 2 when some failed, the others run', async () => {
    expect(await must('autostart', '-L', '-g', group)).toBe(`${first} 1\n${second} 0\n${broken} 0\n`)
    const { code, stderr } = await tlxc('autostart', '-g', group)
    expect([code, stderr]).toEqual([2, expect.stringContaining(broken)])
    expect(await Promise.all([first, second, broken].map(state))).toEqual(['RUNNING', 'RUNNING', 'STOPPED'])
    expect((await started(second)) - (await started(first))).toBeGreaterThanOrEqual(1000)
  })

  test('leaves out what runs; 1 when all failed', async () => {
    expect(await must('autostart', '-L', '-g', group)).toBe(`${broken} 0\n`)
    expect((await tlxc('autostart', '-g', group)).code).toBe(1)
    expect((await tlxc('autostart', '-g', `${group}b`)).code).toBe(1)
  })

  test('containers in a group are nobody’s without -a or -g', async () => {
    expect(await must('autostart', '-L', '-s')).not.toContain(group)
    expect(await must('autostart', '-L', '-s', '-g', group)).toBe(`${second}\n${first}\n`)
  })

  test('reboots those that run', async () => {
    const before = await started(second)
    expect((await tlxc('autostart', '-r', '-g', group)).code).toBe(0)
    await expect.poll(async () => (await started(second)) > before && (await state(second)) === 'RUNNING', { timeout: 20_000 }).toBe(true)
  })

  test('shuts down, kills; nothing to do is a success', async () => {
    await must('stop', '-k', second)
    expect((await tlxc('autostart', '-s', '-t', '20', '-g', group)).code).toBe(0)
    expect(await Promise.all([first, second].map(state))).toEqual(['STOPPED', 'STOPPED'])
    await must('start', first)
    expect((await tlxc('autostart', '-k', '-g', group)).code).toBe(0)
    expect(await state(first)).toBe('STOPPED')
    for (const action of ['-s', '-k', '-r']) expect((await tlxc('autostart', action, '-g', group)).code).toBe(0)
  })
})
