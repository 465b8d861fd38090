/**
 * Arch Linux by the real pacman, from a small signed repository on loopback laid out as Arch's are. Its one package, base, has the files
 * of Debian in it: what boots is systemd, what installs is pacman.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { debianTree } from '../helpers/debian-tree.ts'
import { eventually, freshName, leavesNothing, must, tlxc } from '../helpers/e2e.ts'
import { serveDirectory, type StaticServer } from '../helpers/static-server.ts'

let scratch = ''
let server: StaticServer | undefined
const url = (): string => server?.url ?? ''
const name = freshName('arch')
const options = (): string[] => ['--', `--mirror=${url()}`, '--repos=core', `--keyring=${scratch}/mine.asc`]

function sh(command: string, ...args: string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stderr}`)
  return result.stdout
}
const gpg = (home: string, ...args: string[]): string => sh('gpg', '--homedir', join(scratch, home), '--batch', '--pinentry-mode', 'loopback', '--passphrase', '', ...args)

/** What repo-add writes: for each package a directory with a file "desc". The name is what pacman asks for. */
function writeDatabase(repository: string, file: string): void {
  const fields = {
    FILENAME: basename(file), NAME: 'base', BASE: 'base', VERSION: '1-1', DESC: 'Files of Debian', CSIZE: String(statSync(file).size), ISIZE: '1',
    SHA256SUM: sh('sha256sum', file).slice(0, 64), PGPSIG: readFileSync(`${file}.sig`).toString('base64'), ARCH: 'x86_64', BUILDDATE: '1700000000', PACKAGER: 'test',
  }
  const directory = join(scratch, 'db/base-1-1')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'desc'), Object.entries(fields).map(([key, value]) => `%${key}%\n${value}\n\n`).join(''))
  sh('tar', '-czf', join(repository, 'core.db'), '-C', join(scratch, 'db'), 'base-1-1')
}

beforeAll(async () => {
  scratch = mkdtempSync('/var/tmp/tlxc-arch-')
  for (const home of ['mine', 'other']) {
    mkdirSync(join(scratch, home), { mode: 0o700 })
    gpg(home, '--quick-generate-key', `${home}@example.org`, 'ed25519', 'sign', 'never')
    writeFileSync(join(scratch, `${home}.asc`), gpg(home, '--armor', '--export'))
  }
  const repository = join(scratch, 'www/core/os/x86_64')
  mkdirSync(repository, { recursive: true })
  writeFileSync(join(scratch, '.PKGINFO'), 'pkgname = base\npkgbase = base\npkgver = 1-1\npkgdesc = Files of Debian\nurl = http://example.org\nbuilddate = 1700000000\npackager = test\nsize = 1\narch = x86_64\nlicense = free\n')
  const file = join(repository, 'base-1-1-x86_64.pkg.tar.zst')
  sh('tar', '--create', '--use-compress-program=zstd -1', '--file', file, '--numeric-owner', '-C', scratch, '.PKGINFO', '-C', await debianTree(),
    '--exclude=usr/share/doc/*', '--exclude=usr/share/locale/*', '--exclude=usr/share/man/*', '--exclude=dev/*', '--exclude=var/cache/*',
    ...['bin', 'dev', 'etc', 'home', 'lib', 'lib64', 'proc', 'root', 'run', 'sbin', 'srv', 'sys', 'tmp', 'usr', 'var'])
  gpg('mine', '--detach-sign', '--no-armor', file)
  writeDatabase(repository, file)
  server = await serveDirectory(join(scratch, 'www'))
}, 600_000)

afterAll(async () => {
  await tlxc('destroy', '-f', '-n', name)
  await leavesNothing(name)
  server?.close()
  for (const home of ['mine', 'other']) sh('gpgconf', '--homedir', join(scratch, home), '--kill', 'all')
  const cache = join(process.env['TLXC_ROOT'] ?? '', 'var/cache/tlxc/arch')
  if (!existsSync(cache)) return
  expect(readdirSync(cache).filter((entry) => /^(work|trash)\./.test(entry))).toEqual([])
  rmSync(cache, { recursive: true })
  rmSync(scratch, { recursive: true })
})

test('a key that is not in the keyring, and a package that is not what was signed: nothing is made, and why', async () => {
  const other = await tlxc('create', '-n', name, '-t', 'arch', ...options().slice(0, -1), `--keyring=${scratch}/other.asc`)
  expect(other.code).toBe(1)
  expect(other.stderr).toMatch(new RegExp(`cannot make Arch Linux for x86_64 from ${url()}: .*(signature|key)`, 'i'))
  const refused = await tlxc('create', '-n', name, '-t', 'arch', '--', '--mirror=http://127.0.0.1:1', `--keyring=${scratch}/mine.asc`)
  expect(refused.stderr).toMatch(/cannot make Arch Linux for x86_64 from http:\/\/127\.0\.0\.1:1: /)
  expect((await tlxc('create', '-n', name, '-t', 'arch', ...options(), '--packages=nosuch')).stderr).toContain('target not found: nosuch')
  expect((await tlxc('info', '-n', name)).stderr).toContain("doesn't exist")
})

test('boots, and was installed by pacman', async () => {
  await must('create', '-q', '-n', name, '-t', 'arch', ...options(), '--user=ann')
  await must('start', '-n', name)
  await eventually('an IPv4 address', async () => /\d+\.\d+\.\d+\.\d+/.test((await tlxc('info', '-n', name, '-iH')).stdout))
  const inside = (...command: string[]): Promise<string> => must('attach', '-n', name, '--', ...command)
  expect(await inside('hostname')).toBe(`${name}\n`)
  expect(await inside('ls', '/var/lib/pacman/local')).toBe('ALPM_DB_VERSION\nbase-1-1\n')
  expect(await inside('id', '-un', 'ann')).toBe('ann\n')
  expect(await inside('cat', '/etc/pacman.d/mirrorlist')).toContain(`Server = ${url()}/$repo/os/$arch\n`)
  expect(await inside('stat', '-c', '%a', '/dev', '/tmp')).toBe('755\n1777\n')
}, 600_000)

test('the second comes from the cache, also when the mirror is gone', async () => {
  const second = freshName('arch')
  const before = server?.asked.length
  await must('create', '-q', '-n', second, '-t', 'arch', ...options())
  expect(server?.asked.length).toBe(before)
  await must('destroy', '-n', second)
})

test('a package that was changed after it was signed is refused', async () => {
  const file = join(scratch, 'www/core/os/x86_64/base-1-1-x86_64.pkg.tar.zst')
  expect(existsSync(file)).toBe(true)
  appendFileSync(file, 'x')
  const { code, stderr } = await tlxc('create', '-n', freshName('arch'), '-t', 'arch', ...options(), '--flush-cache')
  expect(code).toBe(1)
  expect(stderr).toMatch(/from http\S+: .*(corrupted|invalid|size)/i)
  // What was made before stays good.
  const third = freshName('arch')
  await must('create', '-q', '-n', third, '-t', 'arch', ...options())
  await must('destroy', '-n', third)
})
