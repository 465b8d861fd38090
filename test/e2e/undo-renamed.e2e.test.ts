/** What a restore put aside is renamed with its container. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { makePaths } from '../../src/host/paths.ts'
import { freshName, leavesNothing, must, repoRoot, tlxc } from '../helpers/e2e.ts'

const { lxcpath } = makePaths(join(repoRoot, 'build/prefix'), process.env['TLXC_ROOT'])
const made: string[] = []

afterAll(async () => {
  for (const name of made) {
    await tlxc('destroy', '-f', '-s', '--purge', '-n', name)
    await leavesNothing(name)
  }
})

test.each(['overlay', 'dir'])('undo after a rename, %s: the configuration names its own directory', async (storage) => {
  const [old, now] = [freshName('old'), freshName('now')]
  made.push(old, now)
  const configOf = (name: string): string => join(lxcpath, name, 'config')
  await must('create', '-q', '-n', old, '-t', 'busybox', '-B', storage)
  writeFileSync(configOf(old), `${readFileSync(configOf(old), 'utf8')}lxc.console.logfile = ${lxcpath}/${old}/console.log\n`)
  await must('snapshot', '-n', old)
  await must('snapshot', '-n', old, '-r', 'snap0')
  const before = readFileSync(configOf(old), 'utf8')
  await must('copy', '-n', old, '-R', '-N', now)
  await must('snapshot', '-n', now, '--undo')
  const after = readFileSync(configOf(now), 'utf8')
  expect(before).toContain(`/${old}/console.log`)
  expect(after).toBe(before.replaceAll(old, now))
})
