import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ConfigDocument } from '../../../src/config/document.ts'
import { standardRange, suspicionsOf } from '../../../src/container/import-trust.ts'

const INCLUDES = '/usr/share/tlxc/config'
const OWN = 'lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\n'
const reasons = (lines: string): string[] => suspicionsOf(OWN + lines, INCLUDES).map(({ line, reason }) => `${line}: ${reason}`)

describe('suspicionsOf', () => {
  it('has nothing against what tlxc-create writes', () => {
    const written = [
      '# a comment', 'lxc.net.0.type = veth', 'lxc.net.0.link = tlxcbr0', 'lxc.net.0.flags = up', 'lxc.net.0.hwaddr = 10:66:6a:01:02:03',
      'lxc.rootfs.path = dir:/var/lib/tlxc/c1/rootfs', 'lxc.rootfs.options = idmap=container', `lxc.include = ${INCLUDES}/debian.common.conf`,
      `lxc.include = ${INCLUDES}/userns.conf`, 'lxc.uts.name = c1', 'lxc.arch = x86_64', 'lxc.start.auto = 1', 'lxc.group = web', 'tlxc.snapshot.keep.daily = 7',
      'lxc.cgroup2.memory.max = 1G', 'lxc.mount.auto = proc:mixed sys:mixed', 'lxc.mount.entry = tmpfs tmp tmpfs defaults 0 0', 'lxc.environment = LANG=C',
    ]
    expect(reasons(written.join('\n'))).toEqual([])
  })

  it('takes only what is known to be harmless: an unknown key, an old name, a key of later versions do not pass', () => {
    expect(reasons('lxc.some.new.key = 1\nlxc.network.type = veth\nlxc.utsname = x\n')).toEqual([
      'lxc.some.new.key = 1: reaches beyond the container', 'lxc.network.type = veth: reaches beyond the container', 'lxc.utsname = x: reaches beyond the container',
    ])
    expect(reasons(`lxc.include = ${INCLUDES}/nesting.conf`)).toHaveLength(1)
    expect(reasons(`lxc.include = ${INCLUDES}/../x.conf`)).toHaveLength(1)
    expect(reasons('lxc.seccomp.profile = /dev/null')).toHaveLength(1)
    expect(reasons('lxc.mount.auto = proc:rw')).toHaveLength(1)
    expect(reasons('lxc.hook.start-host = x\nlxc.hook.start = y\n')).toEqual(['lxc.hook.start-host = x: runs a program on this machine, as root'])
  })

  it.each([
    '/ mnt proc bind,idmap=container,create=dir 0 0', '/ mnt tmpfs rbind 0 0', '/ mnt tmpfs defaults,bind', '/ mnt tmpfs move', 'x mnt tmpfs remount', 'x mnt tmpfs idmap=container',
    '/ mnt tmpfs ro,b\\040ind,bind', 'proc x proc defaults 0 0', 'sys x sysfs ro 0 0', 'dev x devpts', '/dev/sda1 mnt ext4', '/etc etc none bind', 'tmpfs tmp', 'tmpfs tmp tmpfs a 0 0 0', '', 'tmpfs ../tmp tmpfs', 'tmpfs tmp tmpfs create=file',
  ])('a mount that shows more than an empty file system: %s', (entry) => {
    expect(reasons(`lxc.mount.entry = ${entry}`)).toEqual([`lxc.mount.entry = ${entry}: may show files of this machine`])
  })

  it.each(['shm dev/shm tmpfs nosuid,nodev,mode=1777,create=dir 0 0', 'mqueue dev/mqueue mqueue optional,create=dir', 'none run tmpfs size=1m,rshared'])('an empty one passes: %s', (entry) => {
    expect(reasons(`lxc.mount.entry = ${entry}`)).toEqual([])
  })

  it('wants ids of its own', () => {
    expect(suspicionsOf('lxc.uts.name = c1\n', INCLUDES)).toEqual([{ line: 'lxc.idmap', reason: 'is missing: root inside would be root of this machine' }])
    expect(standardRange(ConfigDocument.parse(OWN))).toEqual({ uid: 100000, gid: 100000 })
    expect(standardRange(ConfigDocument.parse('lxc.idmap = u 0 0 65536\nlxc.idmap = u 0 100000 65536\n'))).toBeNull()
    expect(standardRange(ConfigDocument.parse(`${OWN}lxc.idmap = u 65536 0 1\n`))).toBeNull()
  })

  it('has nothing against the files that are shipped, as far as they are included', () => {
    // They are trusted by where they are; this only shows that the judge and our own defaults agree.
    const text = readFileSync(new URL('../../../etc/default.conf', import.meta.url), 'utf8')
    expect(reasons(text)).toEqual([])
  })
})
