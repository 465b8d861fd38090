import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync, linkSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeDirectoryInside, readInside, resolveInside, writeInside } from '../../../src/template/inside.ts'
import { makeTempHost } from '../../helpers/temp-host.ts'

const host = makeTempHost()
const root = `${host.root}/image`
beforeAll(() => {
  mkdirSync(`${root}/etc/deep`, { recursive: true })
  writeFileSync(`${host.root}/secret`, 'secret')
  writeFileSync(`${root}/etc/plain`, 'plain')
  symlinkSync(`${host.root}/secret`, `${root}/etc/absolute`)
  symlinkSync('../../../secret', `${root}/etc/relative`)
  symlinkSync('/etc', `${root}/dir`)
  symlinkSync('loop', `${root}/loop`)
})
afterAll(() => host.dispose())

test.each([
  ['etc/plain', 'etc/plain'], ['/dir/plain', 'etc/plain'], ['../../etc/plain', 'etc/plain'], ['etc/deep/../../dir/./plain', 'etc/plain'],
  ['etc/relative', 'secret'], ['etc/nothing/more', 'etc/nothing/more'],
])('%s is %s below the root', (path, expected) => expect(resolveInside(host, root, path)).toBe(`${root}/${expected}`))

test('an absolute link means the root of the image', () => {
  expect(resolveInside(host, root, 'etc/absolute')).toBe(`${root}${host.root}/secret`)
  expect(readInside(host, root, 'etc/absolute')).toBeNull()
  expect(readInside(host, root, 'etc/relative')).toBeNull()
  expect(readInside(host, root, 'dir/plain')).toBe('plain')
})

test('links without end, files as directories', () => {
  expect(() => resolveInside(host, root, 'loop/x')).toThrow(expect.objectContaining({ code: 'TEMPLATE' }))
  expect(() => resolveInside(host, root, 'etc/plain/x')).toThrow('"plain" is no directory')
})

test('writes stay inside, keep mode, and leave hard links alone', () => {
  writeInside(host, root, 'etc/absolute', 'mine')
  expect(readFileSync(`${host.root}/secret`, 'utf8')).toBe('secret')
  expect(readFileSync(`${root}${host.root}/secret`, 'utf8')).toBe('mine')
  linkSync(`${root}/etc/plain`, `${host.root}/outside`)
  chmodSync(`${root}/etc/plain`, 0o640)
  writeInside(host, root, '/dir/plain', 'new')
  expect([readFileSync(`${host.root}/outside`, 'utf8'), statSync(`${root}/etc/plain`).mode & 0o777]).toEqual(['plain', 0o640])
})

test('directories', () => {
  makeDirectoryInside(host, root, '/dir/a/b', { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, mode: 0o1777 })
  expect(statSync(`${root}/etc/a/b`).mode & 0o7777).toBe(0o1777)
  makeDirectoryInside(host, root, '/etc', { uid: 0, gid: 0, mode: 0 })
  expect(statSync(`${root}/etc`).mode & 0o777).not.toBe(0)
  expect(existsSync(`${host.root}/a`)).toBe(false)
})
