import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { flushCache, listCache, parseOrigin } from '../../../src/template/cache.ts'
import { makeTempHost } from '../../helpers/temp-host.ts'
import { runInProcess } from '../../helpers/run-program.ts'
import { problemsOf } from '../../helpers/json-schema.ts'

const fake = makeTempHost()
/** du and flock are what is tested with: the real ones. */
const host = {
  ...fake,
  exec: (file: string, args: readonly string[]) => {
    try {
      return Promise.resolve({ exitCode: 0, signal: null, stdout: execFileSync(file, [...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }), stderr: '' })
    } catch (error) {
      return Promise.resolve({ exitCode: (error as { status: number }).status, signal: null, stdout: '', stderr: 'failed' })
    }
  },
}
const cache = fake.paths.cache
const entry = (path: string, origin: string): void => {
  mkdirSync(`${cache}/${path}`, { recursive: true })
  writeFileSync(`${cache}/${path}/origin`, origin)
}
beforeAll(() => {
  entry('download/alpine', 'source=https://x/a\ncreated=1000\nexpires=2000\nbuild=1\nargument=--dist=alpine\nargument=--release=1\n')
  entry('download/.part.alpine', '')
  entry('download/work.alpine.x', '')
  entry('oci/app', 'created=5\nblob=sha256/aa\n')
  entry('oci/web', 'created=5\nblob=sha256/bb\n')
  mkdirSync(`${cache}/oci/blobs/sha256`, { recursive: true })
  for (const blob of ['aa', 'bb', 'cc']) writeFileSync(`${cache}/oci/blobs/sha256/${blob}`, 'x'.repeat(10_000))
})
afterAll(() => fake.dispose())

test('what it has: finished, half, shared; nothing that is being built', async () => {
  const entries = await listCache(host)
  expect(entries.map(({ template, name, kind, source, created, expires, args }) => [template, name, kind, source, created > 0, expires, args.length])).toEqual([
    ['download', 'alpine', 'part', null, true, null, 0],
    ['download', 'alpine', 'image', 'https://x/a', true, 2000, 2],
    ['oci', 'app', 'image', null, true, null, 0],
    ['oci', 'blobs', 'blobs', null, true, null, 0],
    ['oci', 'web', 'image', null, true, null, 0],
  ])
  expect(entries.find(({ kind }) => kind === 'blobs')?.bytes).toBeGreaterThan(30_000)
})

test('tlxc-template cache: text and JSON', async () => {
  const command = { ...host, now: () => 3_601_000 }
  expect((await runInProcess(command, 'tlxc-template', ['cache', 'download/alpine'])).stdout).toMatch(/^download alpine +43m .* expired +https:\/\/x\/a *$/m)
  const json = (await runInProcess(command, 'tlxc-template', ['cache', '--json'])).stdout
  expect(problemsOf(json)).toEqual([])
  expect(problemsOf((await runInProcess(command, 'tlxc-template', ['list', '--json'])).stdout)).toEqual([])
})

test('tlxc-template show: with what it keeps; for others than root without', async () => {
  writeFileSync(`${fake.paths.templates}/tlxc-download`, '#!/bin/sh\n# Template: images.\n', { mode: 0o755 })
  const shown = await runInProcess(host, 'tlxc-template', ['show', 'download'])
  expect(shown.stdout).toMatch(/^Summary: +images\nCache: +\d+\.\d\dMB\n\nTEMPLATE /m)
  expect((await runInProcess({ ...host, uid: 1000 }, 'tlxc-template', ['show', 'download'])).stdout).toMatch(/^Cache: +only root sees it\n$/m)
  expect(problemsOf((await runInProcess(host, 'tlxc-template', ['show', 'download', '--json'])).stdout)).toEqual([])
})

test.each([[['cache', 'none'], 'there is nothing of "none" in the cache'], [['list', '--flush'], 'are about the cache'], [['cache', '--flush', '--refresh'], 'exclude one another'], [['throw'], 'expected list, show or cache'], [['show'], 'show takes one template']])(
  'tlxc-template %j is refused',
  async (args, reason) => {
    const { exitCode, stderr } = await runInProcess(host, 'tlxc-template', args as string[])
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(reason as string)])
  },
)

test('flush: an entry, and the blobs that no other names', async () => {
  const entries = await listCache(host)
  await flushCache(host, entries.filter(({ name }) => name === 'app'), 1000)
  expect(['app', 'web', 'blobs/sha256/aa', 'blobs/sha256/bb', 'blobs/sha256/cc'].map((path) => existsSync(`${cache}/oci/${path}`))).toEqual([false, true, false, true, false])
})

/** Holds a lock as a template does, until what it resolves with is called. */
async function hold(lock: string, kind = '--shared'): Promise<() => void> {
  const holder = spawn('flock', [kind, `${cache}/${lock}`, 'sh', '-c', 'echo; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] })
  await once(holder.stdout, 'data')
  return () => holder.stdin.end()
}

test('an entry that a create uses: BUSY after the wait', async () => {
  const entries = (await listCache(host)).filter(({ name, kind }) => name === 'alpine' && kind === 'image')
  const release = await hold('download/.lock.alpine')
  await expect(flushCache(host, entries, 0)).rejects.toMatchObject({ code: 'BUSY' })
  release()
  expect(existsSync(`${cache}/download/alpine/origin`)).toBe(true)
})

test('half a download that a renewal goes on with: BUSY', async () => {
  const entries = (await listCache(host)).filter(({ kind }) => kind === 'part')
  const release = await hold('download/.lock.alpine~new', '--exclusive')
  await expect(flushCache(host, entries, 0)).rejects.toMatchObject({ code: 'BUSY' })
  release()
  expect(existsSync(`${cache}/download/.part.alpine`)).toBe(true)
})

test('flush: a blob that is named while we wait stays', async () => {
  entry('late/app', 'created=5\nblob=sha256/dd\n')
  mkdirSync(`${cache}/late/blobs/sha256`, { recursive: true })
  for (const blob of ['dd', 'ee']) writeFileSync(`${cache}/late/blobs/sha256/${blob}`, '')
  const release = await hold('late/.lock.blobs', '--exclusive')
  const flushed = flushCache(host, (await listCache(host, 'late')).filter(({ kind }) => kind === 'image'), 5000)
  while (existsSync(`${cache}/late/app`)) await setTimeout(10)
  // Now it waits for the blobs, or is about to.
  await setTimeout(100)
  entry('late/web', 'created=5\nblob=sha256/ee\n')
  release()
  await flushed
  expect(['dd', 'ee'].map((blob) => existsSync(`${cache}/late/blobs/sha256/${blob}`))).toEqual([false, true])
})

test.runIf(process.getuid?.() === 0)('a removal that is cut short leaves nothing under the name of an entry', async () => {
  entry('cut/system', 'created=5\n')
  mkdirSync(`${cache}/cut/system/rootfs`)
  const full = `${cache}/cut/system/rootfs/mount`
  mkdirSync(full)
  // rm --one-file-system stops here, as it would at a file that may not be removed.
  execFileSync('mount', ['-t', 'tmpfs', 'tlxctest', full])
  try {
    await expect(flushCache(host, await listCache(host, 'cut'), 0)).rejects.toMatchObject({ code: 'IO' })
    expect(existsSync(`${cache}/cut/system`)).toBe(false)
    expect(await listCache(host, 'cut')).toEqual([])
  } finally {
    const [left = ''] = readdirSync(`${cache}/cut`).filter((name) => /^(system|trash\.)/.test(name))
    execFileSync('umount', [left === 'system' ? full : `${cache}/cut/${left}/system/rootfs/mount`])
  }
})

test('refresh: each once, with its own options; one that fails does not keep the others from it', async () => {
  const other = makeTempHost()
  const made = (path: string, origin: string): void => {
    mkdirSync(`${other.paths.cache}/${path}`, { recursive: true })
    writeFileSync(`${other.paths.cache}/${path}/origin`, origin)
  }
  for (const template of ['debian', 'alpine']) writeFileSync(`${other.paths.templates}/tlxc-${template}`, '#!/bin/sh\n', { mode: 0o755 })
  made('alpine/a', 'created=1\n')
  made('debian/by-older-one', 'argument=--release=sid\n')
  made('debian/now', 'argument=--release=sid\n')
  made('debian/stable', 'argument=--release=bookworm\nargument=--mirror=http://m/\n')
  other.onExec = (_file, args) => ({ exitCode: args.includes('--release=sid') ? 1 : 0 })
  const { exitCode, stderr } = await runInProcess(other, 'tlxc-template', ['cache', '--refresh'])
  const asked = other.ran.filter((argv) => argv.includes('--refresh-cache')).map((argv) => argv.slice(argv.indexOf('--') + 1).slice(-3))
  expect(asked).toEqual([
    expect.arrayContaining(['--refresh-cache', '--release=sid']),
    ['--refresh-cache', '--release=bookworm', '--mirror=http://m/'],
  ])
  expect(exitCode).toBe(1)
  expect(stderr).toContain('cannot refresh "alpine/a": its template did not note down how it was made')
  expect(stderr).toMatch(/cannot refresh "debian\/\S+": template "\S+tlxc-debian" failed/)
  other.dispose()
})

test('refresh of one: its error, with the mend', async () => {
  const { exitCode, stderr } = await runInProcess(host, 'tlxc-template', ['cache', '--refresh', 'oci/web'])
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining('hint: tlxc-template cache --flush oci/web; the next create makes it again')])
})

test('origin: the last of a name, all of a name, nothing that steers a terminal', () => {
  const origin = parseOrigin('a=1\nb=\nbroken\n=x\na=2=3\nc=\x1b[2J\n')
  expect([origin.get('a'), origin.all('a'), origin.get('b'), origin.get('d'), origin.get('c')]).toEqual(['2=3', ['1', '2=3'], '', null, ' [2J'])
})
