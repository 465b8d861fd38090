import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { destroyContainer, type DestroyOptions } from '../../../src/container/destroy.ts'
import { containerAt } from '../../../src/container/store.ts'
import { profileName } from '../../../src/launch/apparmor.ts'
import { startFakeMonitor, type FakeMonitor } from '../../helpers/fake-monitor.ts'
import { makeTempHost } from '../../helpers/temp-host.ts'

const host = makeTempHost()
const lxcpath = host.paths.lxcpath
const container = containerAt(host, lxcpath, 'c1')
const ctx = { host, signal: new AbortController().signal, lockTimeoutMs: 0, log: { warn: () => undefined } }
const destroy = (over: Partial<DestroyOptions> = {}) => destroyContainer(ctx, { name: 'c1', lxcpath, force: false, snapshots: false, ...over })

beforeEach(() => {
  mkdirSync(`${container.dir}/rootfs`, { recursive: true })
  writeFileSync(container.configFile, `lxc.rootfs.path = dir:${container.dir}/rootfs\n`)
  // Removal itself is rm(1)'s; storage.test.ts has it with the real one.
  host.onExec = (file, args) => {
    if (file === 'rm') host.fs.rmSync(args.at(-1) ?? '', { recursive: true })
    return {}
  }
})
afterAll(() => host.dispose())

describe('a running container', () => {
  let monitor: FakeMonitor | null = null
  afterEach(async () => {
    await monitor?.close()
    host.fs.rmSync(container.runDir, { recursive: true, force: true })
  })

  test('is not destroyed', async () => {
    monitor = await startFakeMonitor(container.runDir, 'FROZEN')
    await expect(destroy()).rejects.toMatchObject({ code: 'RUNNING', message: 'c1 is running' })
    expect(existsSync(container.configFile)).toBe(true)
    expect(monitor.requests.every((request) => request.op === 'status')).toBe(true)
  })

  test('with -f it is killed first, and destroyed when its monitor is gone', async () => {
    monitor = await startFakeMonitor(container.runDir, 'RUNNING', (request) => {
      if (request.op !== 'kill') return null
      expect(existsSync(container.configFile)).toBe(true)
      setTimeout(() => {
        host.fs.rmSync(container.runDir, { recursive: true, force: true })
        void monitor?.close()
      }, 20)
      return {}
    })
    await destroy({ force: true })
    expect(monitor.requests.map((request) => request.op)).toContain('kill')
    expect(existsSync(container.dir)).toBe(false)
  })
})

test('its AppArmor profile goes too, in text and as the parser keeps it; others stay', async () => {
  const directory = `${host.paths.cache}/apparmor`
  const [own, other] = [profileName(lxcpath, 'c1'), profileName(lxcpath, 'c11')]
  mkdirSync(`${directory}/cache/26b63962.0`, { recursive: true })
  for (const name of [own, other]) for (const file of [name, `cache/26b63962.0/${name}`]) writeFileSync(`${directory}/${file}`, '')
  await destroy()
  expect([own, `cache/26b63962.0/${own}`].filter((file) => existsSync(`${directory}/${file}`))).toEqual([])
  expect([other, `cache/26b63962.0/${other}`].filter((file) => existsSync(`${directory}/${file}`))).toHaveLength(2)
})

test('storage that this version does not know stays, and the container with it', async () => {
  writeFileSync(container.configFile, 'lxc.rootfs.path = zfs:tank/c1\n')
  await expect(destroy()).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  expect(existsSync(container.configFile)).toBe(true)
})

test('a broken configuration is no reason to guess what belongs to it', async () => {
  writeFileSync(container.configFile, 'lxc.rootfs.pth = dir:/\n')
  await expect(destroy()).rejects.toMatchObject({ code: 'CONFIG' })
  expect(existsSync(container.configFile)).toBe(true)
})

test('while another command works on it: says so', async () => {
  const lock = await host.lock(`${container.runDir.replace(/\/[^/]*$/, '')}/.locks/c1`, { timeoutMs: 0, purpose: 'start' })
  await expect(destroy()).rejects.toMatchObject({ code: 'BUSY' })
  await lock.release()
})
