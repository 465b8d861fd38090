/** An lxcpath by a link to it: the same containers, locks and mounts as by its own name; also one that was moved to another disk. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { must, tlxc } from '../helpers/e2e.ts'

let scratch = ''
beforeAll(() => {
  scratch = mkdtempSync('/var/tmp/tlxc-link-')
})
afterAll(() => {
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(scratch)
  rmSync(scratch, { recursive: true })
})

test('a container that runs is seen to run, whichever name its lxcpath is called by', async () => {
  const [path, link] = [join(scratch, 'lxc'), join(scratch, 'link')]
  mkdirSync(path)
  symlinkSync('lxc', link)
  await must('create', '-P', path, '-q', '-n', 'a', '-t', 'busybox')
  await must('snapshot', '-P', link, 'a')
  await must('start', '-P', path, '-n', 'a', '-s', 'lxc.net=')
  expect(await must('info', '-P', link, '-n', 'a', '-sH')).toBe('RUNNING\n')
  for (const [program, ...args] of [['snapshot', '-r', 'snap0'], ['destroy', '-s'], ['copy', '-R', '-N', 'b'], ['export', '-']] as const) {
    expect(await tlxc(program, '-P', link, '-n', 'a', ...args)).toMatchObject({ code: 1, stderr: expect.stringContaining('running') as string })
  }
  const { results } = JSON.parse(await must('snapshot', '-P', link, 'a', '--json')) as { results: [{ snapshot: object }] }
  expect(results[0].snapshot).toMatchObject({ live: true })
  await must('copy', '-P', path, '-p', link, '-n', 'a', '-a', '-s', '-N', 'b')
  await must('stop', '-P', link, '-k', '-n', 'a')
  await must('destroy', '-P', path, '--purge', '-n', 'b')
  expect(existsSync(join(path, 'a/lxc_snapshots'))).toBe(false)
  await must('destroy', '-P', link, '-s', '--purge', '-n', 'a')
})

test('an lxcpath that was moved, with a link left in its place, works on', async () => {
  const [old, moved] = [join(scratch, 'old'), join(scratch, 'moved')]
  mkdirSync(old)
  await must('create', '-P', old, '-q', '-n', 'l', '-t', 'busybox')
  await must('create', '-P', old, '-q', '-n', 'd', '-t', 'busybox', '-B', 'dir')
  await must('copy', '-P', old, '-n', 'l', '-s', '-N', 'c')
  for (const name of ['l', 'd']) {
    writeFileSync(join(old, name, 'rootfs/file'), 'before')
    await must('snapshot', '-P', old, name)
    writeFileSync(join(old, name, 'rootfs/file'), 'after')
  }
  for (const name of ['l', 'c']) execFileSync('umount', [join(old, name, 'rootfs')])
  renameSync(old, moved)
  symlinkSync(moved, old)
  for (const name of ['l', 'd']) {
    await must('copy', '-P', old, '-n', name, '-R', '-N', `${name}2`)
    expect(readFileSync(join(moved, `${name}2`, 'config'), 'utf8')).toContain(`lxc.rootfs.path = dir:${moved}/${name}2/rootfs\n`)
    await must('start', '-P', old, '-n', `${name}2`, '-s', 'lxc.net=')
    await must('stop', '-P', moved, '-k', '-n', `${name}2`)
    await must('snapshot', '-P', old, `${name}2`, '-r', 'snap0')
    expect(readFileSync(join(moved, `${name}2`, 'rootfs/file'), 'utf8')).toBe('before')
    await must('destroy', '-P', old, '-s', '-n', `${name}2`)
    await must('destroy', '-P', moved, '--undo', `${name}2`)
  }
  await must('destroy', '-P', old, '--purge', '-n', 'c')
  expect(existsSync(join(moved, 'l2/lxc_snapshots'))).toBe(false)
  expect(await must('checkconfig', '-P', old, '--storage')).toContain('nothing wrong')
  for (const name of ['l2', 'd2']) await must('destroy', '-P', moved, '-s', '--purge', '-n', name)
})
