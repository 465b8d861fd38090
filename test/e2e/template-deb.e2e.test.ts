/** The Debian family from its real mirror: customising, sysvinit, and every way in which a mirror fails. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binDir, eventually, freshName, leavesNothing, must, run, tlxc, type Result } from '../helpers/e2e.ts'
import { slowCreate, useSharedCache } from '../helpers/shared-cache.ts'

let scratch = ''
let key = ''
beforeAll(() => {
  useSharedCache()
  scratch = mkdtempSync('/var/tmp/tlxc-deb-')
  key = join(scratch, 'id.pub')
  writeFileSync(key, 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD me@host\n')
})
afterAll(() => rmSync(scratch, { recursive: true }))

/** What is being built, or was left, in the caches. */
const halfMade = (cache = join(process.env['TLXC_ROOT'] ?? '', 'var/cache/tlxc')): string[] =>
  existsSync(cache) ? readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter((path) => /^[^/]+\/(work|trash)\.[^/]*$/.test(path)) : []

describe('one container of many', () => {
  const name = freshName('cust')
  const inside = (...command: string[]): Promise<string> => must('attach', '-n', name, '--', ...command)
  beforeAll(async () => {
    await slowCreate('-q', '-n', name, '-t', 'debian', '--', '--hostname=web.example.org', '--user=ann', '--user-password=secret',
      `--ssh-key=${key}`, '--timezone=Europe/Berlin', '--packages=openssh-server,tzdata', '--root-password=other')
    await must('start', '-n', name)
    await tlxc('attach', '-n', name, '--', 'systemctl', 'is-system-running', '--wait')
  }, 600_000)
  afterAll(async () => {
    await tlxc('destroy', '-f', '-n', name)
    await leavesNothing(name)
  })

  test('has its name, its user, its time', async () => {
    expect(await inside('hostname', '--fqdn')).toBe('web.example.org\n')
    expect(await inside('id', 'ann')).toBe('uid=1000(ann) gid=1000(ann) groups=1000(ann)\n')
    expect(await inside('stat', '-c', '%U %a', '/home/ann/.ssh/authorized_keys')).toBe('ann 600\n')
    expect(await inside('readlink', '-f', '/etc/localtime')).toBe('/usr/share/zoneinfo/Europe/Berlin\n')
    expect(await inside('cat', '/etc/machine-id')).toMatch(/^[0-9a-f]{32}\n$/)
  })

  test('the passwords are what was said: su asks for them', async () => {
    const su = 'printf "other\\n" | setpriv --reuid=1000 --regid=1000 --clear-groups su -c id root'
    expect(await inside('sh', '-c', su)).toContain('uid=0(root)')
    expect((await tlxc('attach', '-n', name, '--', 'sh', '-c', su.replace('other', 'wrong'))).code).not.toBe(0)
  })

  test('its SSH server has keys of its own and runs', async () => {
    await eventually('ssh.service', async () => (await tlxc('attach', '-n', name, '--', 'systemctl', 'is-active', 'ssh')).stdout === 'active\n', 60_000)
    expect(await inside('sh', '-c', 'ls /etc/ssh/ssh_host_*_key | wc -l')).not.toBe('0\n')
    expect(await inside('sshd', '-T')).toContain('pubkeyauthentication yes')
  })
})

describe('sysvinit and ifupdown, as Devuan has them', () => {
  const name = freshName('sysv')
  afterAll(async () => {
    await tlxc('destroy', '-f', '-n', name)
    await leavesNothing(name)
  })

  test('boots, has an address, a login on each terminal, and halts', async () => {
    await slowCreate('-q', '-n', name, '-t', 'debian', '--', '--init=sysvinit')
    await must('start', '-n', name)
    await eventually('an IPv4 address', async () => /\d+\.\d+\.\d+\.\d+/.test((await tlxc('info', '-n', name, '-iH')).stdout))
    await eventually('five gettys', async () => (await must('attach', '-n', name, '--', 'ps', '-eo', 'args')).match(/^\/sbin\/getty /gm)?.length === 5)
    await must('stop', '-n', name, '-t', '30', '--nokill')
    expect(await must('info', '-n', name, '-sH')).toBe('STOPPED\n')
  }, 600_000)
})

/** The cache's entry of a create without options; older ones are of older templates. */
async function plainEntry(): Promise<string> {
  const name = freshName('plain')
  await slowCreate('-q', '-n', name, '-t', 'debian')
  await must('destroy', '--purge', '-n', name)
  const { cache } = JSON.parse(await must('template', 'cache', 'debian', '--json')) as { cache: { path: string; created: number }[] }
  const plain = cache.filter(({ path }) => /^argument=--init=systemd$/m.test(origin(path)) && !origin(path).includes('argument=--packages='))
  return plain.sort((a, b) => b.created - a.created)[0]?.path ?? ''
}
const origin = (entry: string): string => readFileSync(join(entry, 'origin'), 'utf8')

/**
 * The real apt asks the real mirror; what then makes the tree anew is a stand-in for mmdebstrap, since the tests above have the real one:
 * it copies what little of a Debian the template and apt look at.
 */
describe('tlxc-template cache --refresh', () => {
  // A root of its own: the cache of this machine is other tests', too.
  const own = mkdtempSync('/var/tmp/tlxc-ref-')
  const cache = join(own, 'var/cache/tlxc/debian')
  const tree = join(own, 'tree')
  const [before, after] = [freshName('old'), freshName('new')]
  const env = { TLXC_ROOT: own, PATH: `${own}/bin:${process.env['PATH'] ?? ''}` }
  const ours = (program: string, ...args: string[]): Promise<Result> => run(join(binDir, `tlxc-${program}`), args, { env })
  const refresh = (): Promise<Result> => ours('template', 'cache', '--refresh')
  const entry = (): string => join(cache, readdirSync(cache).find((name) => name.startsWith('debian-')) ?? '')
  const id = (): string => readFileSync(join(entry(), 'id'), 'utf8')
  const status = 'var/lib/dpkg/status'
  const AGED = '0~aged'
  const layersOf = (name: string): unknown => (JSON.parse(readFileSync(join(own, 'var/lib/tlxc', name, 'storage.json'), 'utf8')) as { lowers: unknown }).lowers
  const statusOf = (name: string): string => readFileSync(join(own, 'var/lib/tlxc', name, 'rootfs', status), 'utf8')

  beforeAll(async () => {
    const shared = await plainEntry()
    for (const directory of ['bin', 'lib/tlxc/rootfs', `${tree}/usr/lib`]) mkdirSync(join(directory.startsWith('/') ? '' : own, directory), { recursive: true })
    mkdirSync(join(cache, basename(shared)), { recursive: true, mode: 0o700 })
    cpSync(join(process.env['TLXC_ROOT'] ?? '', 'etc'), join(own, 'etc'), { recursive: true })
    for (const part of ['lib', 'bin', 'sbin', 'etc', 'var', 'usr/lib/systemd']) execFileSync('cp', ['-a', join(shared, 'rootfs', part), join(tree, part)])
    for (const file of ['id', 'origin']) cpSync(join(shared, file), join(entry(), file))
    execFileSync('cp', ['-a', tree, join(entry(), 'rootfs')])
    const text = readFileSync(join(tree, status), 'utf8')
    writeFileSync(join(entry(), 'rootfs', status), text.replace(/^(Package: netbase\n(?:.+\n)*?Version: ).+$/m, `$1${AGED}`))
    // ... RELEASE TARGET SOURCES
    writeFileSync(join(own, 'bin/mmdebstrap'), `#!/bin/sh\nwhile [ $# -gt 2 ]; do shift; done\ncp -a ${tree}/. "$1"\n`, { mode: 0o755 })
    expect((await ours('create', '-q', '-n', before, '-t', 'debian')).stderr).toBe('')
  }, 600_000)
  afterAll(async () => {
    for (const name of [before, after]) await ours('destroy', '--purge', '-n', name)
    rmSync(own, { recursive: true })
  })

  test('a mirror out of reach: an error, and what there was', async () => {
    const old = id()
    const { code, stderr } = await run('unshare', ['--net', join(binDir, 'tlxc-template'), 'cache', '--refresh'], { env })
    expect(code).toBe(1)
    expect(stderr).toMatch(/cannot refresh Debian bookworm for \w+ from http\S+: .*(resolving|resolve|connect).*\n.*cannot refresh "debian\/debian-bookworm-\S+"/)
    expect(id()).toBe(old)
  })

  test('a package of the mirror is newer: made again; who has the old layer keeps it, the next one gets the new', async () => {
    const old = id()
    expect(await refresh()).toMatchObject({ code: 0, stderr: '' })
    expect(id()).not.toBe(old)
    expect((await ours('create', '-q', '-n', after, '-t', 'debian')).stderr).toBe('')
    expect(layersOf(after)).not.toEqual(layersOf(before))
    expect(statusOf(before)).toContain(AGED)
    expect(statusOf(after)).not.toContain(AGED)
  })

  test('nothing is newer: it stays as it is', async () => {
    const old = id()
    expect(await refresh()).toMatchObject({ code: 0, stderr: '' })
    expect(id()).toBe(old)
    expect(halfMade(join(own, 'var/cache/tlxc'))).toEqual([])
  })

  test('the old layer goes with its last container', async () => {
    expect((await ours('destroy', '--purge', '-n', before)).stderr).toBe('')
    const layers = readdirSync(join(own, 'var/lib/tlxc/.pool')).filter((name) => name.startsWith('l'))
    expect(layers).toEqual(layersOf(after))
  })
})

describe('nothing half-made, and an error that names URL and reason', () => {
  const create = (name: string, template: string, args: readonly string[], env: Record<string, string> = {}) =>
    run(join(binDir, 'tlxc-create'), ['-n', name, '-t', template, '--', ...args], { env, timeoutMs: 300_000 })
  const fails = async (template: string, args: readonly string[], ...why: (string | RegExp)[]): Promise<void> => {
    const name = freshName('bad')
    const { code, stderr } = await create(name, template, args, { TLXC_STALL_TIMEOUT: '2' })
    expect(code).toBe(1)
    for (const reason of why) expect(stderr).toMatch(reason)
    expect(halfMade()).toEqual([])
    expect((await tlxc('info', '-n', name)).stderr).toContain("doesn't exist")
  }

  test('a release that there is not', () => fails('debian', ['-r', 'nosuch'], /from http\S+: .*nosuch Release' does not have a Release file/))
  test('a mirror that refuses', () => fails('debian', ['-m', 'http://127.0.0.1:1/debian'], 'http://127.0.0.1:1/debian', /refused|Could not connect/))
  test('options that mean nothing', async () => {
    await fails('debian', ['--variant=huge'], "'huge' is no variant")
    await fails('debian', ['-r', '../x'], 'is no name of a release')
    await fails('debian', ['--nosuch'], "unknown option '--nosuch'")
  })
  test('no keys to check with: how to get them', async () => {
    await fails('ubuntu', [], /cannot check that packages are Ubuntu's.*install the package ubuntu-keyring.*--keyring=FILE/)
    await fails('kali', [`--keyring=${scratch}/none`], 'there is no keyring')
  })

  test('a signature by another key', async () => {
    const home = join(scratch, 'gnupg')
    mkdirSync(home, { mode: 0o700 })
    const gpg = (...args: string[]): Buffer => spawnSync('gpg', ['--homedir', home, '--batch', '--pinentry-mode', 'loopback', '--passphrase', '', ...args]).stdout
    gpg('--quick-generate-key', 'me@example.org', 'ed25519', 'sign', 'never')
    writeFileSync(join(scratch, 'mine.asc'), gpg('--armor', '--export'))
    spawnSync('gpgconf', ['--homedir', home, '--kill', 'all'])
    await fails('debian', [`--keyring=${scratch}/mine.asc`], /NO_PUBKEY|not signed/)
  }, 300_000)

  test('a mirror that takes the connection and says nothing', async () => {
    const sockets = new Set<Socket>()
    const server: Server = createServer((socket) => sockets.add(socket.on('error', () => undefined)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian`
    await fails('debian', ['-m', url], url, /Failed to fetch .*(timed out|Connection failed)/i)
    for (const socket of sockets) socket.destroy()
    server.close()
  }, 300_000)

  test('Ctrl-C in the middle', async () => {
    const name = freshName('bad')
    const child = spawn(join(binDir, 'tlxc-create'), ['-q', '-n', name, '-t', 'debian', '--', '--packages=hello'], { stdio: 'ignore' })
    const ended = new Promise((resolve) => child.on('exit', resolve))
    await eventually('a build', () => Promise.resolve(halfMade().length > 0))
    await new Promise((resolve) => setTimeout(resolve, 1500))
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(halfMade()).toEqual([])
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain('/work.debian')
  })

  test('a full disk', async () => {
    const cache = join(scratch, 'full')
    mkdirSync(cache)
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tlxctest', cache])
    try {
      const template = join(binDir, '../share/tlxc/templates/tlxc-debian')
      const path = mkdtempSync(join(scratch, 'c-'))
      const { code, stderr } = await run('unshare', ['--mount', template, `--path=${path}`, '--name=x', `--rootfs=${path}/rootfs`], { env: { TLXC_CACHE_DIR: cache } })
      expect(code).toBe(1)
      expect(stderr).toMatch(/No space left|enough free space/i)
      expect(halfMade(cache)).toEqual([])
    } finally {
      spawnSync('umount', [cache])
    }
  })
})
