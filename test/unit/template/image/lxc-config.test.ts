import { describe, expect, test } from 'vitest'
import { fillPlaceholders, imageConfig, imageFstab, type ImageConfigInput } from '../../../../src/template/image/lxc-config.ts'

const input = (text: string): ImageConfigInput => ({
  text, name: 'c1', path: '/l/c1', rootfs: '/l/c1/rootfs', includes: '/s/config', hooks: '/s/hooks',
  exists: (file) => ['/s/config/common.conf', '/s/config/alpine.common.conf', '/s/config/common.seccomp', '/s/config/nesting.conf', '/s/config/site.conf', '/s/config/busybox.seccomp', '/s/hooks/clonehostname'].includes(file),
})

test('placeholders', () => {
  expect(fillPlaceholders('LXC_NAME LXC_PATH LXC_ROOTFS LXC_TEMPLATE_CONFIG LXC_HOOK_DIR LXC_NAMES LXC_OTHER', input(''))).toBe('c1 /l/c1 /l/c1/rootfs /s/config /s/hooks c1S LXC_OTHER')
})

const COMMON = 'lxc.include = /s/config/common.conf'

describe('taken over', () => {
  test.each([
    ['lxc.include = LXC_TEMPLATE_CONFIG/alpine.common.conf', 'lxc.include = /s/config/alpine.common.conf'],
    ['lxc.include = LXC_TEMPLATE_CONFIG/gentoo.common.conf', 'lxc.include = /s/config/common.conf'],
    ['lxc.include = LXC_TEMPLATE_CONFIG/gentoo.userns.conf', 'lxc.include = /s/config/userns.conf'],
    ['lxc.arch = x86_64', 'lxc.arch = x86_64'],
    ['lxc.environment = A="b c"', 'lxc.environment = A="b c"'],
    ['lxc.mount.auto = proc:mixed sys:ro', 'lxc.mount.auto = proc:mixed sys:ro'],
    ['lxc.mount.entry = tmpfs run tmpfs nosuid,mode=755 0 0', 'lxc.mount.entry = tmpfs run tmpfs nosuid,mode=755 0 0'],
    ['lxc.hook.clone = LXC_HOOK_DIR/clonehostname', 'lxc.hook.clone = /s/hooks/clonehostname'],
    ['lxc.seccomp.profile = LXC_TEMPLATE_CONFIG/common.seccomp', 'lxc.seccomp.profile = /s/config/common.seccomp'],
    ['lxc.cap.drop = sys_nice', 'lxc.cap.drop = sys_nice'],
    ['lxc.mount.entry = shm dev/shm tmpfs nosuid,nodev,size=64m,mode=1777,create=dir,optional', 'lxc.mount.entry = shm dev/shm tmpfs nosuid,nodev,size=64m,mode=1777,create=dir,optional'],
  ])('%s', (text, line) => {
    const lines = line.endsWith('common.conf') ? [line] : [COMMON, line]
    expect(imageConfig(input(text))).toEqual({ lines, dropped: [] })
  })
})

describe('what reaches out of the container is not', () => {
  test.each([
    'lxc.hook.pre-start = /bin/sh -c evil', 'lxc.include = /etc/evil.conf', 'lxc.include = LXC_TEMPLATE_CONFIG/../evil', 'lxc.include = LXC_PATH/rootfs/evil.conf',
    'lxc.mount.entry = / host none bind 0 0', 'lxc.mount.entry = tmpfs ../up tmpfs x 0 0', 'lxc.mount.entry = proc p proc rbind 0 0', 'lxc.mount.entry = x y overlay lowerdir=/ 0 0',
    'lxc.mount.auto = sys:rw', 'lxc.idmap = u 0 0 65536', 'lxc.rootfs.path = dir:/', 'lxc.apparmor.profile = unconfined', 'lxc.cgroup2.devices.allow = a', 'lxc.net.0.type = none',
    'lxc.environment = SECRET', 'lxc.seccomp.profile = /etc/evil', 'lxc.hook.clone = LXC_HOOK_DIR/missing', 'lxc.cap.keep = sys_admin', 'lxc.signal.other = 9',
    'lxc.cap.drop =', 'lxc.include = LXC_TEMPLATE_CONFIG/nesting.conf', 'lxc.include = LXC_TEMPLATE_CONFIG/site.conf', 'lxc.seccomp.profile = LXC_TEMPLATE_CONFIG/busybox.seccomp',
    'lxc.mount.auto = proc:rw', 'lxc.mount.auto = cgroup:rw',
    'lxc.mount.entry = proc x proc rw,create=dir 0 0', 'lxc.mount.entry = proc proc proc', 'lxc.mount.entry = sysfs x sysfs rw 0 0', 'lxc.mount.entry = d x debugfs defaults', 'lxc.mount.entry = d x devpts defaults',
    'lxc.mount.entry = / x tmpfs bind 0 0', 'lxc.mount.entry = / x tmpfs rbind 0 0', 'lxc.mount.entry = etc x tmpfs move 0 0', 'lxc.mount.entry = x proc tmpfs remount,rw 0 0',
    'lxc.mount.entry = x x tmpfs idmap=/proc/1/ns/user 0 0', 'lxc.mount.entry = x x tmpfs relative 0 0', 'lxc.mount.entry = x x tmpfs rshared 0 0', 'lxc.mount.entry = x ../x tmpfs', 'lxc.mount.entry = tmpfs',
  ])('%s', (text) => {
    const { lines, dropped } = imageConfig(input(text))
    expect([lines, dropped]).toEqual([[COMMON], [text.slice(0, text.indexOf(' '))]])
  })
})

test('fstab: only what mounts nothing of this machine', () => {
  expect(imageFstab('# comment\n\ntmpfs /run tmpfs mode=755 0 0\n/dev/sda1 / ext4 defaults 0 1\n/etc etc none bind 0 0\n')).toEqual({
    lines: ['lxc.mount.entry = tmpfs /run tmpfs mode=755 0 0'],
    dropped: ['fstab /dev/sda1', 'fstab /etc'],
  })
})
