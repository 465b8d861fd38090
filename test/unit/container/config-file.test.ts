import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { completeConfig, writeInitialConfig } from '../../../src/container/config-file.ts'
import { containerAt } from '../../../src/container/store.ts'
import { makeTempHost } from '../../helpers/temp-host.ts'

const host = makeTempHost()
const container = containerAt(host, host.paths.lxcpath, 'c1')
const read = (): string => readFileSync(container.configFile, 'utf8')
afterAll(() => host.dispose())

beforeEach(() => {
  mkdirSync(container.dir, { recursive: true })
  mkdirSync(host.paths.templates, { recursive: true })
  for (const file of ['config-header.hbs', 'config-unprivileged.hbs']) copyFileSync(`templates/${file}`, `${host.paths.templates}/${file}`)
})

test('before the template: the person\'s lines untouched, storage, id map, random hardware address', () => {
  const base = '# mine\n  lxc.net.0.type=veth\nlxc.net.0.hwaddr = 10:66:6a:xx:xX:Xx\nlxc.environment = A="b c" \n'
  writeInitialConfig(host, container, { base, rootfs: 'dir:/x/c1/rootfs', claim: { uid: 100000, gid: 200000, count: 65536 } })
  const text = read()
  const mac = /hwaddr = (10:66:6a:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2})\n/.exec(text)?.[1]
  expect(text).toBe(
    base.replace('10:66:6a:xx:xX:Xx', mac ?? 'none') +
      'lxc.rootfs.path = dir:/x/c1/rootfs\nlxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 200000 65536\nlxc.rootfs.options = idmap=container\n',
  )
})

test('privileged, without root file system: the base as it is', () => {
  writeInitialConfig(host, container, { base: 'lxc.tty.max = 1', rootfs: null, claim: null })
  expect(read()).toBe('lxc.tty.max = 1')
})

test('an id map of the person\'s own gets id-mapped mounts, unless it says otherwise', () => {
  writeInitialConfig(host, container, { base: 'lxc.idmap = u 0 5 1\n', rootfs: null, claim: null })
  expect(read()).toContain('lxc.rootfs.options = idmap=container\n')
  writeInitialConfig(host, container, { base: 'lxc.idmap = u 0 5 1\nlxc.rootfs.options = noatime\n', rootfs: null, claim: null })
  expect(read()).not.toContain('idmap=container')
})

test('after the template: header as LXC has it, then what unprivileged containers need', async () => {
  const template = `${host.root}/tlxc-mine`
  writeFileSync(template, '#!/bin/sh\n')
  writeFileSync(container.configFile, 'lxc.idmap = u 0 100000 65536\nlxc.uts.name = c1')
  await completeConfig(host, container, { file: template, args: ['--password=a\nb', '--password', 'c', 'two\nlxc.hook.start = /bin/evil'] })
  await expect(read().replaceAll(host.root, '/ROOT')).toMatchFileSnapshot('__golden__/completed-config')
})

test('no password of any option is written down', async () => {
  const template = `${host.root}/tlxc-mine`
  writeFileSync(template, '#!/bin/sh\n')
  writeFileSync(container.configFile, 'lxc.uts.name = c1\n')
  await completeConfig(host, container, { file: template, args: ['--root-password', 'secret-1', '--user-password=secret-2', '--passwordless', 'shown'] })
  expect(read()).toContain('--root-password *** --user-password=*** --passwordless shown\n')
  expect(read()).not.toContain('secret')
})

test('after template "none", privileged: nothing is added', async () => {
  writeFileSync(container.configFile, 'lxc.uts.name = c1')
  await completeConfig(host, container, null)
  expect(read()).toBe('lxc.uts.name = c1')
})
