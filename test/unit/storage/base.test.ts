/** Bases: what a template may ask for, and which of them a cache that moved on makes useless. */
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findBase, forgetOldBases, makeBase, parseLayerRequest, treeBase } from '../../../src/storage/base.ts'
import { makeTempHost, type TempHost } from '../../helpers/temp-host.ts'

let host: TempHost
beforeEach(() => (host = makeTempHost()))
afterEach(() => host.dispose())

test('a line of directory and key, and perhaps one with a lock', () => {
  expect(parseLayerRequest('')).toBeNull()
  expect(parseLayerRequest('/a b/rootfs key-1\n')).toEqual({ directory: '/a b/rootfs', key: 'key-1' })
  expect(parseLayerRequest('/a/rootfs key-1\n/a/.lock.key\n')).toEqual({ directory: '/a/rootfs', key: 'key-1', lock: '/a/.lock.key' })
  expect(parseLayerRequest('/a/rootfs key-1\n/a/.lock.key\n/a/id\n')).toEqual({ directory: '/a/rootfs', key: 'key-1', lock: '/a/.lock.key', id: '/a/id' })
})

test.each(['rootfs key\n', '/rootfs\n', '/rootfs a/b\n', '/rootfs key\nlock\n', '/rootfs key\n\n', '/rootfs key\n/lock\nmore\n', '/rootfs key\n/lock\n/id\n/more\n'])('%j is no request', (text) => {
  expect(() => parseLayerRequest(text)).toThrow('cannot use what the template asked for')
})

test('the tree is copied under its lock, and on the disk before it can be found', async () => {
  const directory = `${host.root}/cache/rootfs`
  mkdirSync(directory, { recursive: true })
  host.onExec = (file, args) => {
    if (file === 'flock') mkdirSync(args.at(-1) ?? '')
    else expect(findBase(host, host.paths.lxcpath, 'k-1')).toBeNull()
    return { stdout: '{"ok":true}' }
  }
  const made: string[] = []
  const { layer } = await makeBase(host, host.paths.lxcpath, { ...treeBase(host, { directory, key: 'k-1', lock: '/l' }), made: (name) => made.push(name) })
  expect(host.ran[0]?.slice(0, 5)).toEqual(['flock', '--shared', '/l', 'cp', '-a'])
  expect(host.ran[1]?.[1]).toContain('"op":"sync"')
  expect(findBase(host, host.paths.lxcpath, 'k-0', 'k-1')).toMatchObject({ layer, opaques: [] })
  expect(made).toEqual([layer])
  expect(readdirSync(`${host.paths.lxcpath}/.pool/meta`)).toEqual([`${layer}.json`])
})

test('a tree that another one took the place of is no base, and nothing of it stays', async () => {
  const [directory, id] = [`${host.root}/cache/rootfs`, `${host.root}/cache/id`]
  mkdirSync(directory, { recursive: true })
  writeFileSync(id, 'two\n')
  host.onExec = (file, args) => {
    if (file === 'flock') mkdirSync(args.at(-1) ?? '')
    return { stdout: '{"ok":true}' }
  }
  const make = (key: string): Promise<unknown> => makeBase(host, host.paths.lxcpath, treeBase(host, { directory, key, lock: '/l', id }))
  await expect(make('k-one')).rejects.toMatchObject({ code: 'STORAGE' })
  expect(findBase(host, host.paths.lxcpath, 'k-one')).toBeNull()
  await make('k-two')
  expect(findBase(host, host.paths.lxcpath, 'k-two')).not.toBeNull()
})

test('of one directory the newest counts; without its directory none does', () => {
  const base = `${host.paths.lxcpath}/.pool/base`
  mkdirSync(base, { recursive: true })
  mkdirSync(`${host.root}/a`)
  mkdirSync(`${host.root}/b`)
  const put = (name: string, directory: string, time: number): void => {
    writeFileSync(`${base}/${name}.json`, JSON.stringify({ version: 1, layer: `l${name}`, directory: `${host.root}/${directory}`, key: name }))
    utimesSync(`${base}/${name}.json`, time, time)
  }
  put('1', 'a', 300)
  put('2', 'a', 200)
  put('3', 'b', 100)
  put('4', 'gone', 400)
  // A blob is named by its content: layers made of it are not older and newer ones.
  writeFileSync(`${host.root}/blob`, '')
  put('6', 'blob', 100)
  put('7', 'blob', 200)
  writeFileSync(`${base}/5.json`, 'damaged')
  expect(forgetOldBases(host, host.paths.lxcpath)).toBe(true)
  expect(['1', '2', '3', '4', '5', '6', '7'].filter((name) => existsSync(`${base}/${name}.json`))).toEqual(['1', '3', '6', '7'])
  expect(forgetOldBases(host, host.paths.lxcpath)).toBe(false)
})
