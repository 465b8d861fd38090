import { constants } from 'node:os'
import { describe, expect, test } from 'vitest'
import { endingOf, explainStart } from '../../../src/container/start-errors.ts'
import type { Report } from '../../../src/protocol/generated.ts'

const { errno: E } = constants

const cases: [string, Omit<Report, 'ok'>][] = [
  ['missing init', { code: 'init', errno: E.ENOENT, detail: '/sbin/init' }],
  ['init not executable', { code: 'init', errno: E.EACCES, detail: '/sbin/init' }],
  ['wrong architecture', { code: 'init', errno: E.ENOEXEC, detail: '/sbin/init' }],
  ['init ended with a status', { code: 'init', exit_status: 3 << 8 }],
  ['init died of a signal', { code: 'aborted', exit_status: constants.signals.SIGSEGV }],
  ['init ended, nobody knows how', { code: 'init' }],
  ['missing bridge', { code: 'network', errno: E.ENODEV, detail: 'br7', stage: 'attach veth' }],
  ['veth name taken', { code: 'network', errno: E.EEXIST, detail: 'veth0' }],
  ['other network trouble', { code: 'network', errno: E.ENETUNREACH, stage: 'gateway', detail: '10.0.0.1' }],
  ['mount target a symlink', { code: 'mount', errno: E.ELOOP, detail: 'etc/trap', stage: 'mount etc/trap' }],
  ['mount source missing', { code: 'mount', errno: E.ENOENT, detail: '/nosuch', stage: 'mount mnt' }],
  ['no such filesystem type', { code: 'mount', errno: E.ENODEV, detail: 'foofs', stage: 'mount mnt' }],
  ['mount not permitted', { code: 'mount', errno: E.EPERM, detail: 'sys', stage: 'mount sys' }],
  ['no rootfs', { code: 'rootfs', errno: E.ENOENT, detail: '/srv/x' }],
  ['rootfs cannot be id-mapped', { code: 'rootfs', errno: E.EINVAL, detail: '/srv/x', stage: 'idmap of the rootfs' }],
  ['mount cannot be id-mapped', { code: 'mount', errno: E.EINVAL, detail: '/proc on mnt (/c/config:3)', stage: 'idmap of mnt' }],
  ['parent without x', { code: 'rootfs', errno: E.EACCES, detail: '/root' }],
  ['cgroup read-only', { code: 'cgroup', errno: E.EROFS, detail: '/sys/fs/cgroup/memory' }],
  ['cgroup file missing', { code: 'cgroup', errno: E.ENOENT, detail: 'memory.maxx' }],
  ['bad limit', { code: 'cgroup', errno: E.EINVAL, detail: 'memory.max' }],
  ['real-time caller', { code: 'cgroup', errno: E.EINVAL, stage: 'move the monitor to its cgroup', detail: '/sys/fs/cgroup/cpu/tlxc.monitor.c1' }],
  ['other cgroup trouble', { code: 'cgroup', errno: E.EBUSY, stage: 'enable controllers', detail: '/sys/fs/cgroup' }],
  ['controller not handed on', { code: 'cgroup', errno: E.EBUSY, stage: 'set pids.max = 7', detail: '/sys/fs/cgroup/user.slice/session-1.scope' }],
  ['disk full', { code: 'internal', errno: E.ENOSPC, detail: '/run/tlxc' }],
  ['too many namespaces', { code: 'namespace', errno: E.ENOSPC }],
  ['namespaces not permitted', { code: 'namespace', errno: E.EPERM, stage: 'clone' }],
  ['old kernel', { code: 'rootfs', errno: E.ENOSYS, syscall: 'mount_setattr' }],
  ['id map refused', { code: 'idmap', errno: E.EPERM }],
  ['hook', { code: 'hook', stage: 'hook pre-start', exit_status: 256, detail: 'first\nno such thing\n' }],
  ['seccomp', { code: 'security', stage: 'load seccomp', errno: E.EINVAL }],
  ['AppArmor profile not loaded', { code: 'security', errno: E.ENOENT, stage: 'set the AppArmor profile', detail: 'nowhere' }],
  ['console', { code: 'console', stage: 'open console', errno: E.ENXIO, detail: '/dev/tty9' }],
  ['plan', { code: 'plan', detail: 'plan.init: missing' }],
  ['stopped while starting', { code: 'aborted' }],
  ['something else', { code: 'internal', stage: 'write state', syscall: 'write', errno: E.EIO, detail: 'state.json' }],
  ['nothing at all', {}],
]

describe('why a start failed', () => {
  test.each(cases)('%s', (_what, report) => {
    const error = explainStart('c1', { ok: false, ...report })
    expect(error.code).toBe('START')
    expect(`${error.message}\n${error.hint}`).toMatchSnapshot()
  })
  test('every cause and every mend is one line without a stop', () => {
    for (const [, report] of cases) {
      const error = explainStart('c1', { ok: false, ...report })
      for (const text of [error.message, error.hint ?? '']) expect(text).toMatch(/^[^\n]+[^\n.:]$/)
    }
  })
})

test.each([[0, 'status 0'], [256, 'status 1'], [9, 'signal SIGKILL'], [11, 'signal SIGSEGV']])('wait status %j is %s', (status, text) => expect(endingOf(status)).toBe(text))
