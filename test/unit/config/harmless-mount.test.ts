import { describe, expect, it } from 'vitest'
import { isHarmlessMount } from '../../../src/config/harmless-mount.ts'

const bothKinds = (entry: string): boolean[] => [isHarmlessMount(entry, { ownIds: true }), isHarmlessMount(entry, { ownIds: false })]

describe('isHarmlessMount', () => {
  it.each([
    'tmpfs tmp tmpfs', 'tmpfs tmp tmpfs defaults 0 0', 'tmpfs /run tmpfs nosuid,nodev,noexec,mode=755,size=64m,nr_inodes=10k,uid=0,gid=5 0 0', 'none a\\040b tmpfs ro,noatime,strictatime,size=50%',
    'mqueue dev/mqueue mqueue optional,create=dir', '/etc etc tmpfs rw', 'x a/..b tmpfs',
  ])('a new file system with nothing in it: %s', (entry) => {
    expect(bothKinds(entry)).toEqual([true, true])
  })

  it.each([
    '', 'tmpfs', 'tmpfs tmp', 'tmpfs tmp tmpfs a 0 0 0',
    '/etc etc none bind', '/dev/sda1 mnt ext4', '/ x overlay lowerdir=/', 'proc x proc', 'sys x sysfs ro', 'd x devpts', 'd x debugfs', 'd x devtmpfs', 'c x cgroup2', 'r x ramfs',
  ])('another type, or no entry at all: "%s"', (entry) => {
    expect(bothKinds(entry)).toEqual([false, false])
  })

  it.each([
    'bind', 'rbind', 'ro,bind', 'b\\040ind,bind', 'move', 'remount', 'remount,rw', 'relative', 'idmap=container', 'idmap=/proc/1/ns/user', 'create=file', 'lowerdir=/', 'mode=755,x', 'size=', 'context=x',
    'mpol=default', 'bind\\054ro',
  ])('the option %s makes it something else, or is not known to be harmless', (options) => {
    expect(bothKinds(`/ x tmpfs ${options} 0 0`)).toEqual([false, false])
  })

  it('a target outside', () => {
    expect([...bothKinds('x ../x tmpfs'), ...bothKinds('x a/../../x tmpfs defaults')]).toEqual([false, false, false, false])
  })

  it.each(['shared', 'rshared', 'private', 'rprivate', 'slave', 'rslave', 'unbindable', 'runbindable'])('%s is for a container with a user namespace', (word) => {
    expect(bothKinds(`none run tmpfs size=1m,${word}`)).toEqual([true, false])
  })
})
