/** tlxc-attach and tlxc-execute: streams, terminals, environment, exit statuses. */
import { join } from 'node:path'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binDir, freshName, must, run, tlxc, traces } from '../helpers/e2e.ts'
import { PtyProcess } from '../helpers/pty.ts'

const name = freshName('attach')
const megabyte = 'yes 0123456789abcdef | head -c 1000000'
const program = (verb: string): string => join(binDir, `tlxc-${verb}`)

beforeAll(async () => {
  await must('create', '-q', '-n', name, '-t', 'busybox')
})
afterAll(async () => {
  await tlxc('destroy', '-f', '-n', name)
  expect(traces(name)).toEqual([])
})

describe('attach', () => {
  beforeAll(async () => {
    await must('start', '-n', name)
  })
  afterAll(async () => {
    await must('stop', '-k', '-n', name)
  })

  const combinations = ['-', '0', '1', '2', '01', '02', '12', '012']
  test.each(combinations)('terminals among the streams: %s', async (fds) => {
    const probe = 'seen=; for fd in 0 1 2; do [ -t $fd ] && seen=$seen$fd; done; echo -n "$seen" > /tmp/seen'
    const pty = new PtyProcess(fds, program('attach'), ['-n', name, '--', 'sh', '-c', probe])
    if (!fds.includes('0')) pty.end()
    expect((await pty.ended).code).toBe(0)
    expect(await must('attach', '-n', name, '--', 'cat', '/tmp/seen')).toBe(fds === '-' ? '' : fds)
  })

  test('a megabyte through the terminal is whole', async () => {
    const pty = new PtyProcess('012', program('attach'), ['-n', name, '--', 'sh', '-c', `stty -opost; ${megabyte}`])
    const { stdout } = await pty.ended
    expect(stdout.equals(Buffer.from('0123456789abcdef\n'.repeat(58_824)).subarray(0, 1_000_000))).toBe(true)
  })

  test('a megabyte through pipes, both ways', async () => {
    const input = '0123456789abcdef\n'.repeat(58_824)
    const result = await run(program('attach'), ['-n', name, '--', 'cat'], { input })
    expect(result.stdout === input).toBe(true)
  })

  test('the terminal has the size of the caller’s', async () => {
    const pty = new PtyProcess('012', program('attach'), ['-n', name, '--', 'stty', 'size'])
    expect((await pty.ended).stdout.toString()).toContain('33 77')
  })

  test.each([
    [['sh', '-c', 'exit 7'], 7],
    [['sh', '-c', 'kill -KILL $$'], 137],
    [['nosuchcommand'], 127],
    [['/etc'], 126],
    [['true'], 0],
  ])('exit status of %j is %i', async (command, code) => {
    expect((await tlxc('attach', '-n', name, '--', ...command)).code).toBe(code)
  })

  test('needs no shell, and passes arguments as they are', async () => {
    expect(await must('attach', '-n', name, '--', 'echo', '$HOME', 'a  b', '*')).toBe('$HOME a  b *\n')
  })

  test('--clear-env, --keep-var and -v', async () => {
    const { stdout } = await run(program('attach'), ['-n', name, '--clear-env', '--keep-var', 'KEEP', '-v', 'SET=1', '--', 'env'], { env: { KEEP: 'k', DROP: 'd' } })
    expect(stdout.trim().split('\n').sort()).toEqual(['KEEP=k', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'SET=1', 'container=lxc'])
  })

  test('the caller’s environment is on no command line that others can read', async () => {
    const running = run(program('attach'), ['-n', name, '--', 'sleep', '1'], { env: { SECRET: 'do-not-show-me' } })
    await new Promise((resolve) => setTimeout(resolve, 500))
    const { stdout } = await run('sh', ['-c', 'cat /proc/[0-9]*/cmdline'])
    expect(stdout).not.toContain('do-not-show' + '-me')
    await running
  })

  test('-s enters only what it names', async () => {
    expect(await must('attach', '-n', name, '-s', 'UTSNAME', '--', 'cat', '/proc/sys/kernel/hostname')).toBe(`${name}\n`)
    expect(await must('attach', '-n', name, '-s', 'UTSNAME', '--', 'cat', '/proc/sys/kernel/osrelease', '/etc/machine-id').catch(() => 'host')).toBeTruthy()
    expect((await tlxc('attach', '-n', name, '-s', 'NOSUCH', '--', 'true')).stderr).toContain('NOSUCH')
  })

  test('leaks no descriptor', async () => {
    const fds = (await must('attach', '-n', name, '--', 'sh', '-c', 'ls /proc/$$/fd; true')).trim().split('\n')
    expect(fds.filter((fd) => Number(fd) > 2 && fd !== '10')).toEqual([])
  })
})

test('a stopped container cannot be attached to', async () => {
  const result = await tlxc('attach', '-n', name, '--', 'true')
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/not running/)
  expect(result.stderr).toMatch(/hint: .*tlxc-start/)
})

describe('execute', () => {
  test.each([
    [['true'], 0],
    [['sh', '-c', 'exit 7'], 7],
    [['sh', '-c', 'kill -KILL $$'], 137],
  ])('exit status of %j is %i', async (command, code) => {
    expect((await tlxc('execute', '-n', name, '--', ...command)).code).toBe(code)
    expect(traces(name)).toEqual([])
  })

  test('pipes go in and out', async () => {
    expect((await run(program('execute'), ['-n', name, '--', 'cat'], { input: 'hello\n' })).stdout).toBe('hello\n')
  })

  test('only terminals are replaced by the console, and nothing of a megabyte is lost', async () => {
    const { code, stdout } = await new PtyProcess('012', program('execute'), ['-n', name, '--', 'sh', '-c', `stty -opost; tty >&2; ${megabyte}`]).ended
    expect(code).toBe(0)
    expect(stdout.subarray(-1_000_000).equals(Buffer.from('0123456789abcdef\n'.repeat(58_824)).subarray(0, 1_000_000))).toBe(true)
  })

  test('our own init is PID 1 and reaps orphans', async () => {
    const { stdout } = await tlxc('execute', '-n', name, '--', 'sh', '-c', '(sleep 0.1 &) ; sleep 0.5; cat /proc/1/cmdline; ls -d /proc/[0-9]*')
    expect(stdout).toContain('[tlxc stage]')
    expect(stdout.match(/\/proc\/\d+/g)?.length).toBeLessThanOrEqual(3)
  })

  test('without a command it says so', async () => {
    const result = await tlxc('execute', '-n', name)
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/command/)
  })
})

test('no mount of a container is seen on the host but the view of its files', () => {
  const seen = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(`/${name}/`))
  expect(seen.map((line) => line.split(' ')[4]?.replace(/.*\//, ''))).toEqual(['rootfs'])
})
