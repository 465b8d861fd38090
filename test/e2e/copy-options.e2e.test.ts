/** Options of tlxc-copy whose meaning LXC's tool shows: what is behind "--", a COMMAND, --rcfile; and what means nothing. */
import { appendFileSync, copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binDir, eventually, freshName, must, run as runProgram, tlxc } from '../helpers/e2e.ts'

const lxcpath = (): string => join(process.env['TLXC_ROOT'] ?? '', 'var/lib/tlxc')
const config = (name: string): string => join(lxcpath(), name, 'config')
const origin = freshName('opt')
let scratch = ''

beforeAll(async () => {
  scratch = mkdtempSync('/var/tmp/tlxc-opt-')
  await must('create', '-q', '-n', origin, '-t', 'busybox')
  writeFileSync(join(scratch, 'hook'), `#!/bin/sh\necho "$*" >>${scratch}/hooks\n`, { mode: 0o755 })
  appendFileSync(config(origin), `lxc.hook.clone = ${scratch}/hook\nlxc.net.0.hwaddr = 10:66:6a:01:02:03\n`)
})
afterAll(async () => {
  await must('destroy', '-s', '--purge', '-n', origin)
  rmSync(scratch, { recursive: true })
})

/** The words that the clone hook got since last asked. */
function hookWords(): string {
  const text = readFileSync(join(scratch, 'hooks'), 'utf8')
  writeFileSync(join(scratch, 'hooks'), '')
  return text
}

describe('a COMMAND in an ephemeral clone', () => {
  test.each([
    ['behind --', ['--', 'sh', '-c', 'echo in $(hostname); exit 7']],
    ['without --', ['sh', '-c', 'echo in $(hostname); exit 7']],
    ['with -F', ['-F', 'sh', '-c', 'echo in $(hostname); exit 7']],
    ['with -d', ['-d', '--', 'sh', '-c', 'echo in $(hostname); exit 7']],
  ])('%s runs here, its end is that of the clone, and the clone hook sees its words, as with lxc-copy', async (_, words) => {
    const name = freshName('opt')
    const { code, stdout } = await tlxc('copy', '-n', origin, '-e', '-N', name, ...words)
    expect([code, stdout]).toEqual([7, `Created ${name} as clone of ${origin}\nin ${name}\n`])
    expect(hookWords()).toBe(`${name} lxc clone sh -c echo in $(hostname); exit 7\n`)
    await eventually('its monitor removes it', async () => !(await must('ls', '-1')).split('\n').includes(name))
  })
})

test('an ephemeral clone goes with a COMMAND that is interrupted', async () => {
  const name = freshName('opt')
  const { code, stderr } = await runProgram('timeout', ['-s', 'INT', '3', join(binDir, 'tlxc-copy'), '-n', origin, '-e', '-N', name, '--', 'sleep', '60'])
  expect([code, stderr]).toEqual([124, `tlxc-copy: ${origin}: interrupted by SIGINT\n`])
  await eventually('its monitor removes it', async () => !(await must('ls', '-1')).split('\n').includes(name))
  hookWords()
})

test('what destroys an ephemeral clone destroys no later container of its name', async () => {
  const name = freshName('opt')
  await must('copy', '-n', origin, '-e', '-N', name)
  const run = join(process.env['TLXC_ROOT'] ?? '', 'run/tlxc')
  const plan = readdirSync(run).map((hash) => join(run, hash, name, 'plan.json')).find((file) => existsSync(file)) ?? ''
  const { after_stop: argv } = JSON.parse(readFileSync(plan, 'utf8')) as { after_stop: string[] }
  await must('stop', '-k', '-n', name)
  await eventually('its monitor removes it', () => Promise.resolve(!existsSync(join(lxcpath(), name))))
  await must('copy', '-n', origin, '-s', '-N', name)
  // As if it came late.
  const [file = '', ...args] = argv
  expect(await runProgram(file, args)).toMatchObject({ code: 0, stderr: '' })
  expect(existsSync(config(name))).toBe(true)
  await must('destroy', '--purge', '-n', name)
  hookWords()
})

test('without -e, what is behind -- is for the clone hook alone', async () => {
  const name = `${origin}-h`
  await must('copy', '-n', origin, '-s', '-N', name, '--', 'one', '--two')
  expect(hookWords()).toBe(`${name} lxc clone one --two\n`)
  await must('destroy', '--purge', '-n', name)
})

describe('a rename', () => {
  test('keeps the hardware address with and without -M; -a changes nothing of a stopped one', async () => {
    const name = `${origin}-r`
    await must('copy', '-n', origin, '-R', '-N', name, '-a')
    await must('copy', '-n', name, '-R', '-N', origin, '-M')
    expect(readFileSync(config(origin), 'utf8')).toContain('hwaddr = 10:66:6a:01:02:03\n')
  })

  test.each([
    [['--', 'word'], "hook option 'word' means nothing with -R"],
    [['--rcfile', '/etc/hostname'], '--rcfile means nothing with -R'],
  ])('%j is refused', async (words, message) => {
    for (const [program, args] of [['copy', ['-n', origin, '-N', `${origin}-x`, '-R']], ['clone', ['-R', origin, `${origin}-x`]]] as const) {
      if (program === 'clone' && words[0] === '--rcfile') continue
      const { code, stderr } = await tlxc(program, ...args, ...words)
      expect([code, stderr]).toEqual([1, expect.stringMatching(new RegExp(`${message}\n.*hint: .*\n$`))])
    }
  })

  test('of a running one is refused, also with -a', async () => {
    await must('start', '-n', origin)
    const { code, stderr } = await tlxc('copy', '-n', origin, '-R', '-N', `${origin}-x`, '-a')
    expect([code, stderr]).toEqual([1, expect.stringContaining(`hint: stop it first: tlxc-stop ${origin}`)])
    await must('stop', '-k', '-n', origin)
  })
})

test('an ephemeral clone of a plain directory is a copy, on which nothing depends', async () => {
  const [plain, name] = [freshName('opt'), freshName('opt')]
  await must('create', '-q', '-n', plain, '-t', 'busybox', '-B', 'dir')
  await must('copy', '-n', plain, '-e', '-D', '-N', name, '--', 'sh', '-c', 'echo clone >/file')
  const file = (of: string): string => join(lxcpath(), of, 'rootfs/file')
  expect([existsSync(file(plain)), readFileSync(file(name), 'utf8'), existsSync(join(lxcpath(), plain, 'lxc_snapshots'))]).toEqual([false, 'clone\n', false])
  await must('destroy', '--purge', '-n', plain)
  await must('destroy', '--purge', '-n', name)
})

test('-m adds to -m', async () => {
  const name = `${origin}-m`
  await must('copy', '-n', origin, '-e', '-D', '-N', name, '-m', 'bind=/etc:/mnt/a', '-m', 'bind=/usr:/mnt/b:ro,bind=/var:/mnt/c', 'true')
  const entries = readFileSync(config(name), 'utf8').split('\n').filter((line) => line.includes(' mnt/'))
  expect(entries.map((line) => line.split(' ').slice(2, 4).join(' '))).toEqual(['/etc mnt/a', '/usr mnt/b', '/var mnt/c'])
  await must('destroy', '--purge', '-n', name)
})

test('--rcfile is the configuration of the copy, of the ephemeral clone, and of the snapshot', async () => {
  const rcfile = join(scratch, 'rc.conf')
  copyFileSync(config(origin), rcfile)
  appendFileSync(rcfile, 'lxc.environment = FROM=rcfile\n')
  const name = `${origin}-rc`
  await must('copy', '-n', origin, '-N', name, '--rcfile', rcfile)
  expect(readFileSync(config(name), 'utf8')).toContain('FROM=rcfile')
  await must('destroy', '--purge', '-n', name)
  await must('copy', '-n', origin, '-e', '-D', '-N', name, '--rcfile', rcfile, 'true')
  expect(readFileSync(config(name), 'utf8')).toContain('FROM=rcfile')
  await must('destroy', '--purge', '-n', name)
  await must('snapshot', '-n', origin, '--name', 'rc', '--rcfile', rcfile)
  expect(readFileSync(join(lxcpath(), origin, 'snaps/rc/config'), 'utf8')).toContain('FROM=rcfile')
  expect(readFileSync(config(origin), 'utf8')).not.toContain('FROM=rcfile')
  writeFileSync(rcfile, 'lxc.nosuch = 1\n')
  expect((await tlxc('copy', '-n', origin, '-N', name, '--rcfile', rcfile)).stderr).toContain('rc.conf:1: lxc.nosuch')
})
