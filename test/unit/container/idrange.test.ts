import { execFileSync } from 'node:child_process'
import * as fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { claimIdRange, idsUsedBy, pickRange, RANGE_SIZE } from '../../../src/container/idrange.ts'
import { makeTempHost } from '../../helpers/temp-host.ts'

const range = (maxCount: number) => fc.record({ start: fc.nat(10_000_000), count: fc.integer({ min: 1, max: maxCount }) })

describe('pickRange', () => {
  test('what it picks lies in the pool and meets nothing that is used', () => {
    fc.assert(
      fc.property(fc.array(range(2_000_000), { maxLength: 4 }), fc.array(range(200_000), { maxLength: 40 }), (pool, used) => {
        const start = pickRange(pool, used)
        if (start === null) return
        expect(pool.some((it) => it.start <= start && start + RANGE_SIZE <= it.start + it.count)).toBe(true)
        for (const it of used) expect(start + RANGE_SIZE <= it.start || it.start + it.count <= start).toBe(true)
      }),
    )
  })

  test('gives each of a pool exactly once, then null', () => {
    const pool = [{ start: 1_000_000, count: 3 * RANGE_SIZE + 5 }]
    const used: { start: number; count: number }[] = []
    for (let start = pickRange(pool, used); start !== null; start = pickRange(pool, used)) used.push({ start, count: RANGE_SIZE })
    expect(used.map((it) => it.start)).toEqual([1_000_000, 1_065_536, 1_131_072])
  })

  test('an allotment that is too small gives none', () => {
    expect(pickRange([{ start: 100_000, count: RANGE_SIZE - 1 }], [])).toBeNull()
  })
})

test('idsUsedBy reads today and legacy spelling, and comments not', () => {
  const text = 'lxc.idmap = u 0 1000 10\n lxc.idmap=g 0 2000 20\nlxc.id_map = b 0 3000 30\n#lxc.idmap = u 0 5 5\nlxc.idmap =\n'
  expect(idsUsedBy(text)).toEqual({
    uid: [{ start: 1000, count: 10 }, { start: 3000, count: 30 }],
    gid: [{ start: 2000, count: 20 }, { start: 3000, count: 30 }],
  })
})

describe('claimIdRange', () => {
  const host = makeTempHost()
  afterEach(() => host.fs.rmSync(host.paths.lxcpath, { recursive: true, force: true }))
  const pool = { uid: [{ start: 1_000_000, count: 2 * RANGE_SIZE }], gid: [{ start: 1_000_000, count: 2 * RANGE_SIZE }] }

  const define = (lxcpath: string, name: string) => (claim: { uid: number; gid: number; count: number }): void => {
    host.fs.mkdirSync(`${lxcpath}/${name}`, { recursive: true })
    host.fs.writeFileSync(`${lxcpath}/${name}/config`, `lxc.idmap = u 0 ${claim.uid} ${claim.count}\nlxc.idmap = g 0 ${claim.gid} ${claim.count}\n`)
  }

  test('containers under different lxcpaths get different ranges; a destroyed one gives its range back', async () => {
    const other = `${host.root}/srv`
    const first = await claimIdRange(host, host.paths.lxcpath, pool, define(host.paths.lxcpath, 'a'))
    const second = await claimIdRange(host, other, pool, define(other, 'b'))
    expect([first.uid, second.uid]).toEqual([1_000_000, 1_065_536])
    await expect(claimIdRange(host, host.paths.lxcpath, pool, define(host.paths.lxcpath, 'c'))).rejects.toMatchObject({ code: 'IDMAP' })
    host.fs.rmSync(`${other}/b`, { recursive: true })
    expect((await claimIdRange(host, host.paths.lxcpath, pool, define(host.paths.lxcpath, 'c'))).uid).toBe(1_065_536)
  })

  test('one that can be brought back has its range still', async () => {
    const trash = `${host.paths.lxcpath}/.trash`
    await claimIdRange(host, host.paths.lxcpath, pool, define(trash, 'a.000000'))
    expect((await claimIdRange(host, host.paths.lxcpath, pool, () => undefined)).uid).toBe(1_000_000)
    host.fs.chmodSync(trash, 0o700)
    host.fs.writeFileSync(`${trash}/a.000000/destroyed.json`, '{"name":"a","at":1}')
    expect((await claimIdRange(host, host.paths.lxcpath, pool, () => undefined)).uid).toBe(1_065_536)
  })

  test('whatever another one put in place of a configuration holds nobody up', async () => {
    const base = host.paths.lxcpath
    for (const name of ['loop', 'huge', 'directory', 'pipe']) host.fs.mkdirSync(`${base}/${name}`, { recursive: true })
    host.fs.symlinkSync('config', `${base}/loop/config`)
    host.fs.symlinkSync('/proc/kcore', `${base}/huge/config`)
    host.fs.mkdirSync(`${base}/directory/config`)
    execFileSync('mkfifo', [`${base}/pipe/config`])
    host.fs.symlinkSync('/proc', `${base}/.trash`)
    expect((await claimIdRange(host, base, pool, () => undefined)).uid).toBe(1_000_000)
  })

  test('no allotment: says how to get one', async () => {
    const claim = claimIdRange(host, host.paths.lxcpath, { uid: [], gid: pool.gid }, () => undefined)
    await expect(claim).rejects.toMatchObject({ code: 'IDMAP', hint: expect.stringContaining('/etc/subuid') as string })
  })

  test('the lock is free again when writing failed', async () => {
    const failing = claimIdRange(host, host.paths.lxcpath, pool, () => {
      throw new Error('disk full')
    })
    await expect(failing).rejects.toThrow('disk full')
    expect((await claimIdRange(host, host.paths.lxcpath, pool, () => undefined)).uid).toBe(1_000_000)
  })
})
