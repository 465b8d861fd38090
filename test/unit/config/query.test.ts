import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../../src/config/load.ts'
import { formatValue } from '../../../src/config/query.ts'
import { KEYS } from '../../../src/config/schema.ts'
import { FIXTURES, noFiles } from './corpus.ts'

const context = { env: { HOME: '/root' }, rootfsMount: '/usr/lib/lxc/rootfs' }
const ask = (text: string, key: string): string | null => formatValue(loadConfig(text, 'config', noFiles), key, context)

// The expected bytes were printed by lxc-info -c of LXC 5.0.2 for the same text.
describe('formatValue', () => {
  const full = readFileSync(join(FIXTURES, 'full.conf'), 'utf8')

  it.each([
    ['lxc.uts.name', 'my host'],
    ['lxc.arch', 'i686'],
    ['lxc.init.cmd', '/bin/init  --x "a b"'],
    ['lxc.init.uid', '7'],
    ['lxc.init.groups', '5,6,7'],
    ['lxc.signal.halt', '37'],
    ['lxc.signal.reboot', '2'],
    ['lxc.environment', 'A=1\nHOME=/root\nB="x y"\n'],
    ['lxc.group', 'a\nb\nonboot\n'],
    ['lxc.log.level', 'NOTICE'],
    ['lxc.namespace.clone', 'mnt\npid\nnet\n'],
    ['lxc.namespace.share.ipc', 'foo'],
    ['lxc.namespace.share.net', '(null)'],
    ['lxc.namespace.share.foo', null],
    ['lxc.namespace.share', null],
    ['lxc.time.offset.boot', '10800 s\n'],
    ['lxc.time.offset.monotonic', '-5s\n'],
    ['lxc.idmap', 'u 0 100000 65536\ng 0 100000 65536'],
    ['lxc.rootfs.path', '/srv/rootfs'],
    ['lxc.rootfs.mount', '/usr/lib/lxc/rootfs'],
    ['lxc.rootfs.managed', '0'],
    ['lxc.mount.entry', 'proc proc proc nodev,noexec 0 0\n/a\\040b  b none bind,create=dir\n'],
    ['lxc.mount.auto', 'proc:rw sys:ro cgroup:mixed'],
    ['lxc.console.size', '1048576'],
    ['lxc.console.buffer.size', '131072'],
    ['lxc.net', 'veth\nmacvlan\n'],
    ['lxc.net.0', null],
    ['lxc.net.0.flags', 'up'],
    ['lxc.net.0.name', ''],
    ['lxc.net.0.ipv4.address', '10.0.0.1/24\n10.0.1.1/8'],
    ['lxc.net.0.ipv6.address', 'fd00::1/64'],
    ['lxc.net.0.veth.mode', 'bridge'],
    ['lxc.net.0.veth', null],
    ['lxc.net.5.veth.mode', null],
    ['lxc.net.1.type', null],
    ['lxc.cgroup', 'lxc.cgroup.cpu.shares = 512\nlxc.cgroup.devices.deny = a\nlxc.cgroup.devices.allow = c 1:3 rwm\nlxc.cgroup.devices.allow = c 1:5 rwm\n'],
    ['lxc.cgroup.devices.allow', 'c 1:3 rwm\nc 1:5 rwm\n'],
    ['lxc.cgroup.cpu.foo', ''],
    ['lxc.cgroup2', 'lxc.cgroup2.memory.max = 1G\n'],
    ['lxc.cgroup.dir', '(null)'],
    ['lxc.cgroup.dir.container', 'foo/bar'],
    ['lxc.prlimit', 'lxc.prlimit.nofile = 1024\nlxc.prlimit.nproc = 10:unlimited\n'],
    ['lxc.prlimit.nproc', '10:unlimited'],
    ['lxc.sysctl', 'lxc.sysctl.net.ipv4.ip_forward = 1\n'],
    ['lxc.sysctl.net.ipv4.ip_forward', '1'],
    ['lxc.cap.drop', 'sys_module\nmac_admin\nsys_time\n'],
    ['lxc.cap.keep', 'sys_module\nmac_admin\nsys_time\n'],
    ['lxc.apparmor.raw', 'deny x,\ndeny y,\n'],
    ['lxc.hook.start', '/bin/a x y\n/bin/b\n'],
    ['lxc.hook.stop', ''],
    ['lxc.hook', null],
    ['lxc.include', null],
    ['lxc.foo', null],
  ])('%s', (key, value) => expect(ask(full, key)).toBe(value))

  it.each([
    ['lxc.uts.name', ''],
    ['lxc.init.uid', '0'],
    ['lxc.monitor.signal.pdeath', '9'],
    ['lxc.log.level', 'NOTSET'],
    ['lxc.time.offset.boot', '0 ns\n'],
    ['lxc.time.offset.monotonic', '0ns\n'],
    ['lxc.autodev', '1'],
    ['lxc.autodev.tmpfs.size', '0'],
    ['lxc.rootfs.managed', '1'],
    ['lxc.net', ''],
    ['lxc.cap.drop', ''],
    ['lxc.keyring.session', '0'],
  ])('%s when nothing is set', (key, value) => expect(ask('', key)).toBe(value))

  it.each([
    ['lxc.mount.auto = cgroup-full:ro:force proc', 'lxc.mount.auto', 'proc:mixed'],
    ['lxc.mount.auto = cgroup', 'lxc.mount.auto', 'cgroup'],
    ['lxc.mount.auto = cgroup:mixed cgroup2:ro', 'lxc.mount.auto', ''],
    ['lxc.cap.keep = sys_time\nlxc.cap.keep = none\nlxc.cap.keep = sys_boot', 'lxc.cap.drop', 'sys_boot\n'],
    ['lxc.cap.drop = 12', 'lxc.cap.drop', '12\n'],
    ['lxc.net.0.type = empty', 'lxc.net.0.name', 'lo'],
    ['lxc.net.0.flags = up', 'lxc.net.0.type', 'empty'],
    ['lxc.net.0.type = ipvlan', 'lxc.net.0.ipvlan.mode', 'l2'],
    ['lxc.net.0.type = veth\nlxc.net.0.veth.vlan.id = none', 'lxc.net.0.veth.vlan.id', '-1'],
    ['lxc.monitor.unshare = 5', 'lxc.monitor.unshare', '5'],
    ['lxc.autodev =', 'lxc.autodev', '0'],
    ['lxc.autodev.tmpfs.size =', 'lxc.autodev.tmpfs.size', '500000'],
    ['lxc.sysctl.a.b = 1\nlxc.sysctl.c.d = 5\nlxc.sysctl.a.b = 2', 'lxc.sysctl', 'lxc.sysctl.a.b = 2\nlxc.sysctl.c.d = 5\n'],
    ['lxc.utsname = old', 'lxc.uts.name', 'old'],
  ])('%j: %s', (text, key, value) => expect(ask(text, key)).toBe(value))

  it('answers for every key of the schema', () => {
    const loaded = loadConfig(full, 'config', noFiles)
    for (const { key } of KEYS) expect(() => formatValue(loaded, key.replace('.N', '.0')), key).not.toThrow()
  })
})
