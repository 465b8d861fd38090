import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { metaFile } from '../../../../src/template/image/setup.ts'
import { makeTempHost } from '../../../helpers/temp-host.ts'

const host = makeTempHost()
const meta = `${host.root}/meta`
beforeAll(() => mkdirSync(meta))
afterAll(() => host.dispose())

test('the one for this kind of container, in the newest format', () => {
  for (const name of ['config', 'config-user', 'config-system.7']) writeFileSync(`${meta}/${name}`, name)
  expect(metaFile(host, meta, 'config', 'user')).toBe('config-user')
  expect(metaFile(host, meta, 'config', 'system')).toBe('config-system.7')
  expect(metaFile(host, meta, 'fstab', 'system')).toBeNull()
})

test('a link, or one that is larger than such a file can be, is refused', () => {
  symlinkSync('/etc/hostname', `${meta}/excludes`)
  writeFileSync(`${meta}/templates`, Buffer.alloc((4 << 20) + 1))
  expect(() => metaFile(host, meta, 'excludes', 'user')).toThrow('it is no plain file')
  expect(() => metaFile(host, meta, 'templates', 'user')).toThrow('it has 4194305 bytes')
})
