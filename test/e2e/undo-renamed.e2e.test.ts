/** What a restore put aside knows the container's old name. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { makePaths } from '../../src/host/paths.ts'
import { freshName, leavesNothing, must, repoRoot, tlxc } from '../helpers/e2e.ts'

const [old, now] = [freshName('old'), freshName('now')]
const { lxcpath } = makePaths(join(repoRoot, 'build/prefix'), process.env['TLXC_ROOT'])

afterAll(async () => {
  for (const name of [old, now]) await tlxc('destroy', '-f', '-s', '--purge', '-n', name)
  await leavesNothing(now)
})

test('undo after a rename: the configuration names its own root', async () => {
  await must('create', '-q', '-n', old, '-t', 'busybox')
  await must('snapshot', '-n', old)
  await must('snapshot', '-n', old, '-r', 'snap0')
  await must('copy', '-n', old, '-R', '-N', now)
  await must('snapshot', '-n', now, '--undo')
  expect(readFileSync(join(lxcpath, now, 'config'), 'utf8')).toContain(`lxc.rootfs.path = dir:${lxcpath}/${now}/rootfs\n`)
})
