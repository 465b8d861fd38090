/** tlxc-console at a real container: prompt, keys, sizes, watchers. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { binDir, eventually, freshName, must, tlxc, traces } from '../helpers/e2e.ts'
import { PtyProcess } from '../helpers/pty.ts'

const name = freshName('console')
const open = (...args: string[]): PtyProcess => new PtyProcess('012', join(binDir, 'tlxc-console'), ['-n', name, ...args])
const shows = (pty: PtyProcess, what: RegExp): Promise<true> => eventually(String(what), () => Promise.resolve(what.test(pty.text) ? (true as const) : undefined), 15_000)

beforeAll(async () => {
  await must('create', '-q', '-n', name, '-t', 'busybox')
  await must('start', '-n', name)
})
afterAll(async () => {
  await tlxc('destroy', '-f', '-n', name)
  expect(traces(name)).toEqual([])
})

test('banner, login prompt, detach with Ctrl-a q, exit status 0', async () => {
  const pty = open('-t', '0')
  await shows(pty, /Type <Ctrl\+a q> to exit the console, <Ctrl\+a Ctrl\+a> to enter Ctrl\+a itself/)
  pty.type('\r')
  await shows(pty, /login:/)
  pty.type('\x01q')
  expect((await pty.ended).code).toBe(0)
})

test('somebody late sees the recent output; a watcher types nothing', async () => {
  const watcher = open('-t', '0', '--watch')
  await shows(watcher, /login:/)
  await must('attach', '-n', name, '--', 'sh', '-c', 'echo from-inside > /dev/console')
  await shows(watcher, /from-inside/)
  watcher.type('typed-by-the-watcher\r')
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(watcher.text).not.toContain('typed-by-the-watcher')
  watcher.type('\x01q')
  expect((await watcher.ended).code).toBe(0)
})

test('a tty belongs to one, the next gets the next; a third asked for by number is refused', async () => {
  const first = open()
  await shows(first, /Connected to tty 1/)
  const second = open()
  await shows(second, /Connected to tty 2/)
  const third = await tlxc('console', '-n', name, '-t', '1')
  expect(third.code).toBe(1)
  expect(third.stderr).toMatch(/uses this tty|busy/)
  first.type('\x01q')
  second.type('\x01q')
  await Promise.all([first.ended, second.ended])
})

test('another prefix, upper case too', async () => {
  const pty = open('-t', '1', '-e', '^B')
  await shows(pty, /Type <Ctrl\+b q>/)
  pty.type('\x02q')
  expect((await pty.ended).code).toBe(0)
})

test('the window size arrives', async () => {
  const pty = open('-t', '1')
  await shows(pty, /Connected/)
  const size = await eventually('a size', async () => /33 77/.exec(await must('attach', '-n', name, '--', 'sh', '-c', 'stty size < /dev/tty1')) ?? undefined)
  expect(size[0]).toBe('33 77')
  pty.type('\x01q')
  await pty.ended
})

test('a megabyte comes out whole', async () => {
  const pty = open('-t', '3')
  await shows(pty, /Connected/)
  await must('attach', '-n', name, '--', 'sh', '-c', '{ echo; echo BEGIN; yes 0123456789abcdef | head -c 1000000; echo END; } > /dev/tty3')
  await shows(pty, /END/)
  // Its line discipline adds a carriage return to each line feed.
  const text = pty.text.replaceAll('\r', '')
  expect(text.slice(text.indexOf('BEGIN\n') + 6, text.lastIndexOf('END')) === '0123456789abcdef\n'.repeat(58_824).slice(0, 1_000_000)).toBe(true)
  pty.type('\x01q')
  await pty.ended
})

test('ends with the container', async () => {
  const pty = open('-t', '0')
  await shows(pty, /Connected/)
  await must('stop', '-k', '-n', name)
  expect((await pty.ended).code).toBe(0)
})

test('a stopped container has no console', async () => {
  const result = await tlxc('console', '-n', name)
  expect(result.code).toBe(1)
  expect(result.stderr).toMatch(/not running/)
})
