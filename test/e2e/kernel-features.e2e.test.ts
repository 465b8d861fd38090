/** A kernel, or an outer seccomp filter, without a system call that is needed: a clear word, and nothing left behind. */
import { execFileSync } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { binDir, freshName, leavesNothing, must, repoRoot, run, type Result } from '../helpers/e2e.ts'

const name = freshName('kernel')
const deny = join(repoRoot, 'build/native/deny-syscall')
const { ENOSYS, EPERM, EINVAL } = constants.errno

/** The call is denied by a seccomp filter, below which tlxc would leave out its own unless told. */
function startWithout(syscall: string, errno: number): Promise<Result> {
  return run(deny, [`${syscall}=${errno}`, '--', join(binDir, 'tlxc-start'), '-n', name, '-s', 'lxc.net=', '-s', 'lxc.seccomp.allow_nesting=1'], { timeoutMs: 30_000 })
}

beforeAll(async () => {
  execFileSync('make', ['-s', '-C', join(repoRoot, 'native'), '../build/native/deny-syscall'])
  await must('create', '-q', '-n', name, '-t', 'busybox')
})
afterAll(() => must('destroy', '-f', '-n', name))

test.each([
  ['openat2', ENOSYS, /does not know openat2\n/],
  ['mount_setattr', ENOSYS, /does not know mount_setattr\n/],
  ['open_tree', ENOSYS, /does not know open_tree\n/],
  ['move_mount', ENOSYS, /does not know move_mount\n/],
  ['fsopen', ENOSYS, /does not know fs/],
  ['clone3', ENOSYS, /does not know clone3\n/],
  ['memfd_create', ENOSYS, /does not know memfd_create\n/],
  ['close_range', ENOSYS, /does not know close_range\n/],
  ['execveat', ENOSYS, /does not know execveat\n/],
  ['pivot_root', ENOSYS, /does not know pivot_root\n/],
  ['openat2', EPERM, /openat2 is denied\n.*seccomp/],
  ['open_tree', EPERM, /operation not permitted/],
  ['memfd_create', EPERM, /memfd_create is denied\n.*seccomp/],
  ['close_range', EPERM, /close_range is denied\n.*seccomp/],
  ['unshare', EPERM, /refuses the namespaces/],
  ['seccomp', EINVAL, /seccomp filter/],
])('without %s (errno %d) it does not start', async (syscall, errno, cause) => {
  const result = await startWithout(syscall, errno)
  expect(result.stderr).toMatch(cause)
  expect(result.stderr.trimEnd().split('\n')).toHaveLength(2)
  expect(result.code).toBe(1)
  await leavesNothing(name)
})

test.each([
  ['pidfd_open', ENOSYS],
  ['pidfd_send_signal', ENOSYS],
  ['pidfd_send_signal', EPERM],
  ['keyctl', EPERM],
])('without %s (errno %d) it starts, and is stopped', async (syscall, errno) => {
  expect((await startWithout(syscall, errno)).code).toBe(0)
  await must('stop', '-k', '-n', name)
  await leavesNothing(name)
})
