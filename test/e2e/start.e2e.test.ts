/** tlxc-start beyond the plain case: overrides, foreground, volatile containers, two at once, explanation. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { binDir, eventually, freshName, must, tlxc, traces } from '../helpers/e2e.ts'
import { PtyProcess } from '../helpers/pty.ts'

const name = freshName('start')
const scratch = mkdtempSync('/var/tmp/tlxc-start-')
const config = (): string => join(process.env['TLXC_ROOT'] ?? '', 'var/lib/tlxc', name, 'config')

beforeAll(async () => {
  await must('create', '-q', '-n', name, '-t', 'busybox')
})
afterEach(async () => {
  await tlxc('stop', '-k', '-n', name)
  // The monitor tells of STOPPED just before its own end.
  await eventually('no trace', () => Promise.resolve(traces(name).length === 0), 2000)
})
afterAll(async () => {
  await tlxc('destroy', '-f', '-n', name)
  rmSync(scratch, { recursive: true })
})

test('--define goes over the file', async () => {
  await must('start', '-n', name, '-s', 'lxc.uts.name=other')
  expect(await must('attach', '-n', name, '--', 'hostname')).toBe('other\n')
})

test('--define with an unknown key names it, not a line of the file', async () => {
  const result = await tlxc('start', '-n', name, '-s', 'lxc.utz.name=x')
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/--define: lxc\.utz\.name/)
})

test('the pid file has the monitor and goes with it', async () => {
  const file = join(scratch, 'pid')
  await must('start', '-n', name, '-p', file)
  expect(readFileSync(`/proc/${readFileSync(file, 'utf8').trim()}/cmdline`, 'utf8')).toContain('[tlxc monitor]')
  await must('stop', '-k', '-n', name)
  await eventually('the pid file to go', () => Promise.resolve(!existsSync(file)))
})

test('-F shows the console here and ends with the container, exit status 0', async () => {
  const pty = new PtyProcess('012', join(binDir, 'tlxc-start'), ['-n', name, '-F', '--', '/bin/sh', '-c', 'echo in-$((40 + 2)); exit 5'])
  const { code, stdout } = await pty.ended
  expect(stdout.toString()).toContain('in-42')
  expect(code).toBe(0)
})

test('--share-uts of a running container', async () => {
  const other = freshName('start')
  await must('create', '-q', '-n', other, '-t', 'busybox')
  await must('start', '-n', other)
  const { stdout } = await tlxc('execute', '-n', name, '--share-uts', other, '-s', 'lxc.idmap=', '--', 'hostname')
  expect(stdout).toBe(`${other}\n`)
  await must('destroy', '-f', '-n', other)
  expect((await tlxc('start', '-n', name, '--share-net', 'nosuch')).stderr).toMatch(/nosuch/)
})

test('the end of a command in the PID namespace of another container leaves that one alone', async () => {
  const other = freshName('start')
  await must('create', '-q', '-n', other, '-t', 'busybox')
  await must('start', '-n', other)
  await must('attach', '-n', other, '--', 'sh', '-c', 'sleep 1001 </dev/null >/dev/null 2>&1 &')
  const script = '(sleep 1002 >/dev/null 2>&1 &); exit 7'
  const { code, stderr } = await tlxc('execute', '-n', name, '--share-pid', other, '-s', 'lxc.idmap=', '--', 'sh', '-c', script)
  expect(stderr).toBe('')
  expect(code).toBe(7)
  const processes = await must('attach', '-n', other, '--', 'ps')
  expect(processes).toContain('sleep 1001')
  // What the command left behind goes with its cgroup.
  expect(processes).not.toContain('sleep 1002')
  await must('destroy', '-f', '-n', other)
})

test('a FIFO without a reader as log of the console fails the start, and does not hold it up', async () => {
  const fifo = join(scratch, 'fifo')
  execFileSync('mkfifo', [fifo])
  expect(await tlxc('start', '-n', name, '-L', fifo)).toMatchObject({ code: 1, stderr: expect.stringContaining(fifo) as string })
})

test('-F in the background leaves the terminal to the shell', async () => {
  const program = (what: string): string => `${join(binDir, `tlxc-${what}`)} -n ${name}`
  // Not by tlxc-wait: its runtime puts the terminal back as it found it.
  const script = `set -m; ${program('start')} -F & sleep 1; stty -a; ${program('stop')} -k; wait`
  const { stdout } = await new PtyProcess('012', '/bin/sh', ['-c', script]).ended
  expect(stdout.toString()).toMatch(/ icanon/)
})

test('a volatile container: an undefined name with -f', async () => {
  const volatile = freshName('volatile')
  const file = join(scratch, 'config')
  writeFileSync(file, readFileSync(config(), 'utf8'))
  await must('start', '-n', volatile, '-f', file)
  await must('attach', '-n', volatile, '--', 'true')
  await must('stop', '-k', '-n', volatile)
  await eventually('no trace', () => Promise.resolve(traces(volatile).length === 0), 2000)
})

test('ten starts at once: one container, ten times exit status 0', async () => {
  const results = await Promise.all(Array.from({ length: 10 }, () => tlxc('start', '-n', name)))
  expect(results.map((result) => result.code)).toEqual(Array<number>(10).fill(0))
  expect(results.filter((result) => result.stderr.includes('Container is already running'))).toHaveLength(9)
})

test('--explain shows the plan and starts nothing', async () => {
  const plan = JSON.parse(await must('start', '-n', name, '--explain')) as { schema: string; name: string; init: { argv: string[] } }
  expect(plan).toMatchObject({ schema: 'tlxc/plan/1', name, init: { argv: ['/sbin/init'] } })
  expect((await tlxc('attach', '-n', name, '--', 'true')).code).toBe(1)
})

test('what is left of a killed create is not started', async () => {
  const partial = join(config(), '../partial')
  writeFileSync(partial, '')
  const result = await tlxc('start', '-n', name)
  rmSync(partial)
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/interrupted/)
})
