/** templates/lib/files.sh: whatever links an image has, nothing is written beside its root file system. */
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { libraryBench, type LibraryBench } from '../../../helpers/template-library.ts'

let bench: LibraryBench
beforeEach(() => (bench = libraryBench()))
afterEach(() => bench.remove())

test('write makes the file with its directories and mode, and replaces what is there', async () => {
  bench.put('etc/x', 'old', 0o600)
  await bench.ok('echo new | write 640 etc/x; echo deep | write 644 a/b/c')
  expect(bench.text('etc/x')).toBe('new\n')
  expect(statSync(join(bench.rootfs, 'etc/x')).mode & 0o777).toBe(0o640)
  expect(bench.text('a/b/c')).toBe('deep\n')
})

test('a link at the file is replaced, not followed', async () => {
  const outside = join(bench.directory, 'precious')
  writeFileSync(outside, 'precious')
  mkdirSync(join(bench.rootfs, 'etc'))
  symlinkSync(outside, join(bench.rootfs, 'etc/hostname'))
  await bench.ok('echo c1 | write 644 etc/hostname')
  expect(readFileSync(outside, 'utf8')).toBe('precious')
  expect(lstatSync(join(bench.rootfs, 'etc/hostname')).isFile()).toBe(true)
})

test.each([
  ['absolute', (outside: string) => outside],
  ['relative', () => '../../../../../../../../../../../../outside'],
])('a directory that is an %s link out leads to the place inside', async (_kind, target) => {
  const outside = join(bench.directory, 'outside')
  mkdirSync(outside)
  symlinkSync(target(outside), join(bench.rootfs, 'etc'))
  await bench.ok('echo c1 | write 644 etc/hostname; make_dir etc/d; link /dev/null etc/l; remove etc/gone')
  expect(readdirSync(outside)).toEqual([])
  const inside = (await bench.ok('rooted etc/hostname; echo "$at"')).trim()
  expect(inside.startsWith(`${bench.rootfs}/`)).toBe(true)
  expect(readFileSync(inside, 'utf8')).toBe('c1\n')
})

test('links within stay in use: /etc/x below a merged /usr', async () => {
  mkdirSync(join(bench.rootfs, 'usr/lib'), { recursive: true })
  symlinkSync('usr/lib', join(bench.rootfs, 'lib'))
  symlinkSync('/lib', join(bench.rootfs, 'lib64'))
  await bench.ok('echo x | write 644 lib64/systemd/y')
  expect(bench.text('usr/lib/systemd/y')).toBe('x\n')
})

test('a loop of links is an error', async () => {
  symlinkSync('b', join(bench.rootfs, 'a'))
  symlinkSync('a', join(bench.rootfs, 'b'))
  const said = await bench.sh('echo x | write 644 a/x')
  expect(said.code).toBe(1)
  expect(said.stderr).toContain('too many links')
})

test('read_file and edit take regular files only', async () => {
  bench.put('etc/f', 'one\ntwo\n')
  symlinkSync('/etc/hostname', join(bench.rootfs, 'etc/l'))
  expect(await bench.ok('read_file etc/f; read_file etc/l || echo no; has etc/l && echo has; has etc/none || echo none')).toBe('one\ntwo\nno\nhas\nnone\n')
  await bench.ok('edit etc/f 600 sed s/one/1/; edit etc/l 600 sed s/x/y/; edit etc/none 600 cat')
  expect(bench.text('etc/f')).toBe('1\ntwo\n')
  expect(readlinkSync(join(bench.rootfs, 'etc/l'))).toBe('/etc/hostname')
  expect(existsSync(join(bench.rootfs, 'etc/none'))).toBe(false)
})

test('what was put in a temporary place goes, also when the template dies', async () => {
  const before = readdirSync(bench.directory)
  expect((await bench.sh('need_scratch; : >"$scratch/x"; die no')).stderr).toBe('template: no\n')
  expect((await bench.sh('need_scratch; kill -TERM $$; sleep 5')).code).toBe(143)
  expect(readdirSync(bench.directory).filter((entry) => !before.includes(entry))).toEqual(['template'])
})
