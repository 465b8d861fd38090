import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { StoragePlace } from '../../../src/storage/driver.ts'
import { dirStorage } from '../../../src/storage/dir.ts'
import { commitJournal, type Step } from '../../../src/storage/journal.ts'
import { chooseStorage } from '../../../src/storage/registry.ts'
import { discard, emptyTrash } from '../../../src/storage/trash.ts'
import { makeHost } from '../../../src/host/real-host.ts'
import { makeTempHost } from '../../helpers/temp-host.ts'

const temp = makeTempHost()
const host = makeHost({ prefix: temp.root, root: temp.root, env: process.env, cwd: '/' })
afterAll(() => temp.dispose())
const lxcpath = `${temp.root}/l`
const place: StoragePlace = { name: 'c', lxcpath, directory: `${lxcpath}/c` }

beforeEach(async () => {
  if (existsSync(lxcpath)) await discard(host, temp.root, lxcpath)
  mkdirSync(place.directory, { recursive: true })
})

describe('choice', () => {
  test.each(['dir', 'none', 'zfs,dir', 'lvm, dir'])('%s is dir', (list) => expect(chooseStorage(list).type).toBe('dir'))
  test('best is btrfs where there is one, else layers', () => {
    expect(chooseStorage('best').type).toBe('btrfs')
    expect(chooseStorage('best', ({ usable }) => usable === undefined).type).toBe('overlay')
  })
  test.each(['zfs', 'rbd,lvm', 'loop'])('%s is not supported, and never dir instead', (list) =>
    expect(() => chooseStorage(list)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringContaining(list.split(',')[0] ?? '') as string })))
  test.each(['', 'floppy', 'di', 'dir,floppy'])('"%s" is no type', (list) =>
    expect(() => chooseStorage(list)).toThrow(expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('is not a valid backing storage type') as string })))
})

describe('a journal that is undone', () => {
  const at = (file: string): string => `${lxcpath}/c/${file}`
  const read = (file: string): string => readFileSync(at(file), 'utf8')
  const fails = (steps: readonly Step[], between: () => void): Promise<void> =>
    commitJournal(host, { lxcpath, directory: place.directory }, { version: 1, purpose: 'a test', steps, commit: { do: 'write', path: 'c/never', before: null, after: 'x', mode: 0o600 } }, () => {
      between()
      return Promise.reject(new Error('no'))
    })
  const write = (file: string): Step => ({ do: 'write', path: `c/${file}`, before: 'before', after: 'after', mode: 0o600 })

  test('puts its writes back, but not over what others wrote to a shared file', async () => {
    for (const file of ['own', 'shared', 'touched']) writeFileSync(at(file), 'before')
    await expect(fails([write('own'), { ...write('shared'), shared: true } as Step, { ...write('touched'), shared: true } as Step], () => writeFileSync(at('touched'), 'newer'))).rejects.toThrow('no')
    expect([read('own'), read('shared'), read('touched'), existsSync(at('journal'))]).toEqual(['before', 'before', 'newer', false])
  })

  test('undoes every step that it can, and stays when one cannot be', async () => {
    writeFileSync(at('own'), 'before')
    writeFileSync(at('here'), '')
    await expect(fails([write('own'), { do: 'rename', from: 'c/here', to: 'c/there' }], () => rmSync(at('there')))).rejects.toThrow('neither is there')
    expect([read('own'), existsSync(at('journal'))]).toEqual(['before', true])
  })
})

describe('dir', () => {
  test('elsewhere: closed to others, and gone with its directory', async () => {
    const elsewhere = { ...place, elsewhere: `${temp.root}/else/where` }
    await dirStorage.prepare(host, elsewhere)
    expect(statSync(elsewhere.elsewhere).mode & 0o777).toBe(0o700)
    await expect(dirStorage.prepare(host, elsewhere)).rejects.toMatchObject({ code: 'EXISTS' })
    await dirStorage.destroy(host, elsewhere, dirStorage.rootfs(elsewhere))
    expect(existsSync(elsewhere.elsewhere)).toBe(false)
  })

  test('a template that left a link instead of a directory is refused', async () => {
    symlinkSync('/etc', dirStorage.rootfs(place))
    await expect(dirStorage.commit(host, place)).rejects.toMatchObject({ code: 'STORAGE' })
  })

  test('a link in place of the root file system goes, what it points to stays', async () => {
    mkdirSync(`${lxcpath}/precious`)
    symlinkSync(`${lxcpath}/precious`, dirStorage.rootfs(place))
    await dirStorage.destroy(host, place, dirStorage.rootfs(place))
    expect(lstatSync(dirStorage.rootfs(place), { throwIfNoEntry: false })).toBeUndefined()
    expect(existsSync(`${lxcpath}/precious`)).toBe(true)
  })

  test.each(['/', lxcpath, `${lxcpath}/`, place.directory, `${place.directory}/../../l`, temp.root])('never removes %s, which holds more than one container', async (rootfs) => {
    await expect(dirStorage.destroy(host, place, rootfs)).rejects.toMatchObject({ code: 'STORAGE' })
    expect(existsSync(place.directory)).toBe(true)
  })
})

describe('trash', () => {
  test('another command that removes the empty trash meanwhile takes nothing along', async () => {
    let first = true
    const fs = {
      ...host.fs,
      renameSync: (...[from, to]: Parameters<typeof host.fs.renameSync>) => {
        if (first) host.fs.rmdirSync(`${lxcpath}/.trash`)
        first = false
        host.fs.renameSync(from, to)
      },
    }
    await discard({ ...host, fs }, lxcpath, place.directory)
    expect([first, existsSync(place.directory), existsSync(`${lxcpath}/.trash`)]).toEqual([false, false, false])
  })
  test('a link in its place is refused, and what it leads to stays', async () => {
    mkdirSync(`${lxcpath}/precious/kept`, { recursive: true })
    symlinkSync(`${lxcpath}/precious`, `${lxcpath}/.trash`)
    await expect(emptyTrash(host, lxcpath)).rejects.toMatchObject({ code: 'STORAGE' })
    await expect(discard(host, lxcpath, place.directory)).rejects.toMatchObject({ code: 'STORAGE' })
    expect(existsSync(`${lxcpath}/precious/kept`)).toBe(true)
    expect(existsSync(place.directory)).toBe(true)
  })

  test('links in a tree go, what they point to stays', async () => {
    mkdirSync(`${lxcpath}/precious`)
    writeFileSync(`${lxcpath}/precious/file`, '')
    symlinkSync(`${lxcpath}/precious`, `${place.directory}/link`)
    await discard(host, lxcpath, place.directory)
    expect(existsSync(`${lxcpath}/precious/file`)).toBe(true)
    expect(existsSync(place.directory)).toBe(false)
    expect(existsSync(`${lxcpath}/.trash`)).toBe(false)
  })

  test('what a killed command left goes with the next', async () => {
    mkdirSync(`${lxcpath}/.trash/old.1/deep`, { recursive: true })
    await emptyTrash(host, lxcpath)
    expect(existsSync(`${lxcpath}/.trash`)).toBe(false)
  })

  test('a tree with a mount in it is refused', async () => {
    // A mount that every machine has stands for one in a container.
    await expect(discard(host, '/', '/proc')).rejects.toMatchObject({ code: 'BUSY' })
    await expect(discard(host, '/', '/')).rejects.toMatchObject({ code: 'BUSY' })
  })
})
