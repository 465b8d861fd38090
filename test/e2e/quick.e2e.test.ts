/** The launcher of the quick programs: nobody but our own runtime sees what it sets, and it says what it lacks. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshName, leavesNothing, must, repoRoot, run, tlxc } from '../helpers/e2e.ts'

const name = freshName('quick')
const scratch = mkdtempSync(join(tmpdir(), 'tlxc-quick-'))
const noted = join(scratch, 'environment')

beforeAll(async () => {
  await must('create', '-q', '-n', name, '-t', 'busybox')
  await must('start', '-n', name, '-s', 'lxc.net=', '-s', `lxc.hook.pre-start=/bin/sh -c 'env >${noted}'`)
})
afterAll(async () => {
  await tlxc('destroy', '-f', '--purge', '-n', name)
  rmSync(scratch, { recursive: true })
  await leavesNothing(name)
})

const RUNTIME = /^BUN_JSC/m

test('what it tells the runtime reaches no container, hook or monitor', async () => {
  expect(await must('attach', '-n', name, '--', 'env')).not.toMatch(RUNTIME)
  expect(readFileSync(noted, 'utf8')).toMatch(/^LXC_NAME=/m)
  expect(readFileSync(noted, 'utf8')).not.toMatch(RUNTIME)
  const init = (await must('info', '-n', name, '-pH')).trim()
  const monitor = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${init}/status`, 'utf8'))?.[1] ?? ''
  expect(readFileSync(`/proc/${monitor}/environ`, 'utf8').replaceAll('\0', '\n')).not.toMatch(RUNTIME)
})

test('without its executable it says so', async () => {
  mkdirSync(join(scratch, 'libexec/tlxc'), { recursive: true })
  const quick = join(scratch, 'libexec/tlxc/quick')
  copyFileSync(join(repoRoot, 'build/prefix/libexec/tlxc/quick'), quick)
  expect(await run(quick, ['c1'])).toMatchObject({
    code: 1, stdout: '', stderr: `quick: cannot run ${scratch}/lib/tlxc/tlxc: No such file or directory\nquick: hint: install tlxc again\n`,
  })
})
