/** Two (and twenty) at once: every end state is consistent, every loser says why. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshName, must, tlxc, traces, leavesNothing, type Result } from '../helpers/e2e.ts'

const twenty = Array.from({ length: 20 }, (_, i) => i)
const codes = (results: readonly Result[]): (number | null)[] => results.map((r) => r.code)

describe('twenty at once on one name', () => {
  const name = freshName('same')

  afterAll(async () => {
    await tlxc('destroy', '-f', '-n', name)
    await leavesNothing(name)
  })

  test('create: one wins, the others say that it exists', async () => {
    const results = await Promise.all(twenty.map(() => tlxc('create', '-n', name, '-t', 'busybox')))
    expect(codes(results).filter((code) => code === 0)).toHaveLength(1)
    for (const loser of results.filter((r) => r.code !== 0)) {
      expect(loser.code).toBe(1)
      expect(loser.stderr).toMatch(/exists|being created/i)
    }
    expect(await must('ls', '-1')).toContain(name)
  })

  test('start: all succeed, one monitor runs', async () => {
    const results = await Promise.all(twenty.map(() => tlxc('start', '-n', name)))
    expect(results.filter((r) => r.code !== 0)).toEqual([])
    expect(traces(name).filter((line) => line.startsWith('process'))).toHaveLength(1)
  })

  test('attach: all get their own answer', async () => {
    const results = await Promise.all(twenty.map((i) => tlxc('attach', '-n', name, '--', 'echo', String(i))))
    expect(results.map((r) => r.stdout)).toEqual(twenty.map((i) => `${i}\n`))
  })

  test('stop: each ends with 0 or "not running"', async () => {
    const results = await Promise.all(twenty.map(() => tlxc('stop', '-k', '-n', name)))
    expect(codes(results).every((code) => code === 0 || code === 2)).toBe(true)
    expect(codes(results)).toContain(0)
    await leavesNothing(name)
  })

  test('start and stop mixed: afterwards it still starts and stops', async () => {
    const results = await Promise.all(twenty.map((i) => (i % 2 ? tlxc('start', '-n', name) : tlxc('stop', '-k', '-n', name))))
    for (const result of results.filter((r) => r.code !== 0 && r.code !== 2)) expect(result.stderr).not.toBe('')
    await must('start', '-n', name)
    await must('stop', '-k', '-n', name)
    await leavesNothing(name)
  })

  test('destroy: one wins, the others say that it is not there', async () => {
    const results = await Promise.all(twenty.map(() => tlxc('destroy', '-n', name)))
    expect(codes(results).filter((code) => code === 0)).toHaveLength(1)
    for (const loser of results.filter((r) => r.code !== 0)) expect(loser.stderr).not.toBe('')
    expect(await must('ls', '-1')).not.toContain(name)
  })
})

describe('twenty different names at once', () => {
  const names = twenty.map(() => freshName('many'))

  beforeAll(async () => {
    const results = await Promise.all(names.map((name) => tlxc('create', '-q', '-n', name, '-t', 'busybox')))
    expect(results.filter((r) => r.code !== 0)).toEqual([])
  })
  afterAll(async () => {
    await Promise.all(names.map((name) => tlxc('destroy', '-f', '-n', name)))
    for (const name of names) await leavesNothing(name)
  })

  test('each has an id range of its own', async () => {
    const maps = await Promise.all(names.map((name) => must('info', '-n', name, '-H', '-c', 'lxc.idmap')))
    expect(new Set(maps).size).toBe(names.length)
    expect(maps[0]).toContain('u 0 ')
  })

  test('start, attach, freeze, stop, all at once', async () => {
    expect((await Promise.all(names.map((name) => tlxc('start', '-n', name)))).filter((r) => r.code !== 0)).toEqual([])
    const hosts = await Promise.all(names.map((name) => tlxc('attach', '-n', name, '--', 'hostname')))
    expect(hosts.map((r) => r.stdout.trim())).toEqual(names)
    expect((await Promise.all(names.map((name) => tlxc('freeze', '-n', name)))).filter((r) => r.code !== 0)).toEqual([])
    expect((await Promise.all(names.map((name) => tlxc('stop', '-k', '-n', name)))).filter((r) => r.code !== 0)).toEqual([])
  })
})
