/** tlxc-download and tlxc-local against an image server on loopback: both protocols, the cache, and everything that can go wrong. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { binDir, eventually, freshName, leavesNothing, must, run, tlxc, type Result } from '../helpers/e2e.ts'
import { addLxcImage, addStreamsImage, makeBusyboxTree, pack, packFiles, sha256, startImageServer, type ImageServer } from '../helpers/image-server.ts'

let server: ImageServer
let scratch = ''
let tree = ''
const made: string[] = []
const root = (): string => process.env['TLXC_ROOT'] ?? ''
const cache = (): string => join(root(), 'var/cache/tlxc/download')
const rootfsOf = (name: string): string => join(root(), 'var/lib/tlxc', name, 'rootfs')
const configOf = (name: string): string => readFileSync(join(root(), 'var/lib/tlxc', name, 'config'), 'utf8')
/** Plain directories: what the template itself leaves. */
const download = (name: string, ...args: string[]): Promise<Result> =>
  run(join(binDir, 'tlxc-create'), ['-n', name, '-B', 'dir', '-t', 'download', '--', `--server=${server.url}`, '--no-validate', ...args], { env: { TLXC_STALL_TIMEOUT: '1', TLXC_CONNECT_TIMEOUT: '2', TLXC_FETCH_TRIES: '2' } })
const fresh = (): string => {
  const name = freshName('img')
  made.push(name)
  return name
}
const entries = (): string[] => (existsSync(cache()) ? readdirSync(cache()).filter((file) => !file.startsWith('.lock')) : [])

beforeAll(async () => {
  server = await startImageServer()
  scratch = mkdtempSync('/var/tmp/tlxc-image-')
  tree = makeBusyboxTree(join(scratch, 'tree'))
})
beforeEach(() => {
  server.faults.clear()
  server.served.length = 0
})
afterAll(async () => {
  for (const name of made) await tlxc('destroy', '-f', '-n', name)
  await server.close()
  rmSync(scratch, { recursive: true, force: true })
  for (const name of made) await leavesNothing(name)
})

const newest = { dist: 'busy', build: '20260102_00:00' }

describe("LXC's index protocol", () => {
  let directory = ''
  beforeAll(() => {
    addLxcImage(server, { dist: 'busy', build: '20250101_00:00', rootfs: tree })
    directory = addLxcImage(server, { ...newest, rootfs: tree })
    addLxcImage(server, { dist: 'other', variant: 'cloud', rootfs: tree })
  })

  test('makes a container that starts; nothing of the image reaches out', async () => {
    const name = fresh()
    const result = await download(name, '-d', 'busy', '-r', '1')
    expect(result.stderr).toContain("of the image's configuration, not taken over: lxc.hook.pre-start")
    expect(result.code, result.stderr).toBe(0)
    expect(server.served).toContain(`${directory}/rootfs.tar.xz`)
    await must('start', '-n', name)
    expect(await must('attach', '-n', name, '--', 'cat', '/etc/hostname')).toBe(`${name}\n`)
    await must('stop', '-k', '-n', name)
    expect(existsSync(join(rootfsOf(name), 'usr/share/excluded'))).toBe(false)
    expect(existsSync(join(rootfsOf(name), 'dev/node'))).toBe(false)
    expect(configOf(name)).toContain('# The image also has, not taken over: lxc.hook.pre-start')
    expect(existsSync('/owned')).toBe(false)
    expect(existsSync(join(rootfsOf(name), '../image.note'))).toBe(false)
  })

  test('the second comes from the cache, without a word to the server', async () => {
    const name = fresh()
    expect((await download(name, '-d', 'busy', '-r', '1')).code).toBe(0)
    expect(server.served).toEqual([])
    expect(readFileSync(join(rootfsOf(name), 'etc/hostname'), 'utf8')).toBe(`${name}\n`)
  })

  test('--list; what is missing or wrong is told with what there is, and nothing is made', async () => {
    const name = fresh()
    const listed = await download(name, '--list')
    expect(listed.code).toBe(1)
    expect(listed.stdout).toContain('busy\t1\tamd64\tdefault\t20260102_00:00\n')
    expect(listed.stdout).not.toContain('20250101')
    expect((await download(name)).stderr).toContain('no dist given: --dist=NAME, one of: busy other')
    expect((await download(name, '-d', 'bussy', '-r', '1')).stderr).toContain("has no dist 'bussy': it has busy other")
    expect((await download(name, '-d', 'busy', '-r', '9')).stderr).toContain("has no release '9' of busy: it has 1")
    expect((await download(name, '-d', 'other', '-r', '1')).stderr).toContain("has no variant 'default' of other 1: it has cloud")
    const unsafe = await run(join(binDir, 'tlxc-create'), ['-n', name, '-t', 'download', '--', `--server=${server.url}`, '-d', 'busy', '-r', '1'])
    expect(unsafe.stderr).toContain('is not protected by TLS: use https://, give the keys with --keyring=FILE, or --no-validate')
    expect((await download(name, '-d', 'busy', '-r', '1', '--mode=usr')).stderr).toContain("'usr' is no mode: it is user or system")
    expect((await download(name, '-d', 'busy', '-r', '1', '--mode=system')).stderr).toContain('option --mode is for --refresh-cache')
    expect(existsSync(join(rootfsOf(name), '..'))).toBe(false)
    const template = join(binDir, '../share/tlxc/templates/tlxc-download')
    expect((await run(template, ['--list', `--server=${server.url}`, '-d', 'other'])).code).toBe(0)
  })

  test('asks on a terminal', async () => {
    const name = fresh()
    const args = ['-n', name, '-B', 'dir', '-t', 'download', '--', `--server=${server.url}`, '--no-validate']
    const answers = `(sleep 1; echo nonsense; sleep 0.3; echo busy; sleep 0.3; echo 1; sleep 3) | script -qec '${join(binDir, 'tlxc-create')} ${args.join(' ')}' /dev/null`
    const { stdout } = await run('sh', ['-c', answers])
    expect(stdout).toContain('The server has no such dist.')
    expect(existsSync(join(rootfsOf(name), 'bin/busybox')), stdout).toBe(true)
  })

  test('an expired image: the same build is used on, a newer one replaces it; --refresh does so by itself', async () => {
    addLxcImage(server, { dist: 'old', build: '1', expiry: 1, rootfs: tree })
    const [first, second, third] = [fresh(), fresh(), fresh()]
    expect((await download(first, '-d', 'old', '-r', '1')).code).toBe(0)
    server.served.length = 0
    expect((await download(second, '-d', 'old', '-r', '1')).code).toBe(0)
    expect(server.served).toEqual(['meta/1.0/index-user'])
    server.faults.set('meta/1.0/index-user', { fault: 'error', always: true })
    expect((await download(third, '-d', 'old', '-r', '1')).stderr).toContain('the cached image has expired, --force-cache takes it all the same')
    expect((await download(third, '-d', 'old', '-r', '1', '--force-cache')).code).toBe(0)
    server.faults.clear()
    addLxcImage(server, { dist: 'old', build: '2', expiry: 1, rootfs: tree })
    const entry = entries().find((file) => file.startsWith('old-')) ?? ''
    expect(await must('template', 'cache', `download/${entry}`)).toMatch(/expired/)
    await must('template', 'cache', '--refresh', `download/${entry}`)
    expect(readFileSync(join(cache(), entry, 'origin'), 'utf8')).toMatch(/^build=2$/m)
    await must('template', 'cache', '--flush', `download/${entry}`)
    expect(entries()).not.toContain(entry)
  })
})

describe('what goes wrong', () => {
  let directory = ''
  let dist = ''
  beforeEach(() => {
    dist = freshName('bad')
    directory = addLxcImage(server, { dist, rootfs: tree })
  })
  const fails = async (...args: string[]): Promise<string> => {
    const name = fresh()
    const { code, stderr } = await download(name, '-d', dist, '-r', '1', ...args)
    expect(code).toBe(1)
    expect(existsSync(join(rootfsOf(name), '..'))).toBe(false)
    expect(entries().filter((file) => file.startsWith(dist) || file.startsWith('work.') || file.startsWith('trash.'))).toEqual([])
    return stderr
  }

  test('a broken connection is taken up where it broke', async () => {
    server.faults.set(`${directory}/rootfs.tar.xz`, { fault: 'cut' })
    expect((await download(fresh(), '-d', dist, '-r', '1')).code).toBe(0)
    expect(server.served.filter((path) => path.includes('rootfs'))).toEqual([`${directory}/rootfs.tar.xz`, expect.stringMatching(/rootfs\.tar\.xz from \d+$/)])
  })

  test('a server that falls silent: named after the timeout; the next try goes on', async () => {
    server.faults.set(`${directory}/rootfs.tar.xz`, { fault: 'stall', always: true })
    expect(await fails()).toContain(`cannot download ${server.url}/${directory}/rootfs.tar.xz: `)
    server.faults.clear()
    server.served.length = 0
    expect((await download(fresh(), '-d', dist, '-r', '1')).code).toBe(0)
    expect(server.served.filter((path) => path.includes('rootfs'))).toEqual([expect.stringMatching(/from \d+$/)])
    expect(readdirSync(cache()).filter((file) => file.startsWith('.part'))).toEqual([])
  })

  test('a bad checksum', async () => {
    server.faults.set(`${directory}/rootfs.tar.xz`, { fault: 'corrupt' })
    expect(await fails()).toMatch(new RegExp(`cannot use ${server.url}/${directory}/rootfs.tar.xz: its sha256 checksum is not [0-9a-f]{64}`))
    expect((await download(fresh(), '-d', dist, '-r', '1')).code).toBe(0)
  })

  test('no server, no image server', async () => {
    expect(await fails('--server=http://127.0.0.1:1')).toContain('cannot download http://127.0.0.1:1/meta/1.0/index-user.7: ')
    expect(await fails(`--server=${server.url}/images`)).toContain('it is no image server (no meta/1.0/index-user, no streams/v1/index.json)')
  })

  test.each([
    ['a name with ..', ['--transform=s,^./etc/hostname,../../escaped,'], /Member name contains '\.\.'/],
    ['half an archive', null, /cannot unpack/],
  ])('hostile archives: %s', async (_what, options, reason) => {
    const content = options ? pack(tree, '-P', ...options) : pack(tree).subarray(0, 4000)
    server.files.set(`${directory}/rootfs.tar.xz`, content)
    server.files.set(`${directory}/SHA256SUMS`, Buffer.from(`${sha256(content)}  rootfs.tar.xz\n${sha256(server.files.get(`${directory}/meta.tar.xz`) ?? Buffer.of())}  meta.tar.xz\n`))
    expect(await fails()).toMatch(reason)
    expect(existsSync(join(root(), 'var/lib/escaped'))).toBe(false)
  })

  test('links that lead out of the image: nothing is written through them', async () => {
    const outside = join(scratch, 'outside')
    mkdirSync(outside, { recursive: true })
    writeFileSync(join(outside, 'hosts'), '')
    const hostile = makeBusyboxTree(join(scratch, freshName('hostile')))
    execFileSync('sh', ['-ec', `cd ${hostile}; rm -rf etc/hostname etc/hosts; ln -s ${outside}/hostname etc/hostname; ln -s ${outside}/hosts etc/hosts`])
    addLxcImage(server, { dist: `${dist}l`, rootfs: hostile, meta: { templates: `/etc/hostname\n/../../../..${outside}/hosts\n` } })
    const name = fresh()
    expect((await download(name, '-d', `${dist}l`, '-r', '1')).code).toBe(0)
    expect(readdirSync(outside)).toEqual(['hosts'])
    expect(readFileSync(join(outside, 'hosts'), 'utf8')).toBe('')
  })

  test('metadata that is a link is refused', async () => {
    const metadata = mkdtempSync(join(scratch, 'meta-'))
    symlinkSync('/etc/shadow', join(metadata, 'config'))
    writeFileSync(join(scratch, 'evil-meta.tar.xz'), pack(metadata))
    writeFileSync(join(scratch, 'rootfs.tar.xz'), pack(tree))
    const name = fresh()
    const { code, stderr } = await tlxc('create', '-n', name, '-t', 'local', '--', '-m', join(scratch, 'evil-meta.tar.xz'), '-f', join(scratch, 'rootfs.tar.xz'))
    expect([code, stderr]).toEqual([1, expect.stringContaining('it is no plain file')])
  })

  test('a full disk: told as such, nothing left, the cache still good', async () => {
    const small = join(root(), 'var/cache/tlxc')
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', small])
    try {
      const { code, stderr } = await download(fresh(), '-d', dist, '-r', '1')
      expect([code, stderr]).toEqual([1, expect.stringMatching(/No space left on device/)])
      expect(execFileSync('find', [join(small, 'download'), '-mindepth', '1', '!', '-name', '.lock*'], { encoding: 'utf8' })).toBe('')
    } finally {
      execFileSync('umount', [small])
    }
  })

  test('two at once: one downloads, the other waits', async () => {
    const [one, two] = [fresh(), fresh()]
    const results = await Promise.all([download(one, '-d', dist, '-r', '1'), download(two, '-d', dist, '-r', '1')])
    expect(results.map(({ code }) => code)).toEqual([0, 0])
    expect(server.served.filter((path) => path === `${directory}/rootfs.tar.xz`)).toHaveLength(1)
  })

  test('an interrupted create leaves no container and no entry; the next one goes on', async () => {
    const name = fresh()
    server.faults.set(`${directory}/rootfs.tar.xz`, { fault: 'stall', always: true })
    const child = spawn(join(binDir, 'tlxc-create'), ['-n', name, '-t', 'download', '--', `--server=${server.url}`, '--no-validate', '-d', dist, '-r', '1'], { stdio: 'ignore' })
    const ended = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)))
    await eventually('the download', () => Promise.resolve(server.served.includes(`${directory}/rootfs.tar.xz`)))
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(existsSync(join(rootfsOf(name), '..'))).toBe(false)
    server.faults.clear()
    expect((await download(fresh(), '-d', dist, '-r', '1')).code).toBe(0)
    expect(entries().filter((file) => /^(?:work|trash)\./.test(file))).toEqual([])
  })
})

describe('signatures', () => {
  let directory = ''
  let keyring = ''
  let streams: ImageServer
  let sign: (file: string) => Buffer
  beforeAll(async () => {
    streams = await startImageServer()
    directory = addLxcImage(server, { dist: 'signed', rootfs: tree })
    const home = join(scratch, 'gnupg')
    mkdirSync(home, { mode: 0o700 })
    const gpg = (...args: string[]): Buffer => execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    gpg('--quick-generate-key', 'images@example.org', 'ed25519', 'sign', 'never')
    keyring = join(scratch, 'keys.asc')
    writeFileSync(keyring, gpg('--armor', '--export'))
    writeFileSync(join(scratch, 'sums'), server.files.get(`${directory}/SHA256SUMS`) ?? '')
    sign = (file) => gpg('--armor', '--detach-sign', '--output', '-', file)
    server.files.set(`${directory}/SHA256SUMS.asc`, sign(join(scratch, 'sums')))
    addStreamsImage(streams, { dist: 'signed', rootfs: tree })
    for (const name of ['index', 'images']) {
      writeFileSync(join(scratch, name), streams.files.get(`streams/v1/${name}.json`) ?? '')
      streams.files.set(`streams/v1/${name}.sjson`, gpg('--clearsign', '--output', '-', join(scratch, name)))
    }
    writeFileSync(join(scratch, 'lxc-index'), server.files.get('meta/1.0/index-user') ?? '')
  })
  afterAll(() => {
    execFileSync('gpgconf', ['--homedir', join(scratch, 'gnupg'), '--kill', 'all'])
    return streams.close()
  })
  const signed = (name: string, ...args: string[]): Promise<Result> =>
    tlxc('create', '-n', name, '-B', 'dir', '-t', 'download', '--', `--server=${server.url}`, `--keyring=${keyring}`, '-r', '1', ...args)

  test('an index that is not signed, or changed, is none over http', async () => {
    expect((await signed(fresh(), '-d', 'signed')).stderr).toContain('it is not signed (no meta/1.0/index-user.asc), and not protected by TLS')
    server.files.set('meta/1.0/index-user.asc', sign(join(scratch, 'sums')))
    expect((await signed(fresh(), '-d', 'signed')).stderr).toMatch(/index-user: its signature does not verify: .*BAD signature/i)
    server.files.set('meta/1.0/index-user.asc', sign(join(scratch, 'lxc-index')))
  })

  test('a good one is enough over http', async () => {
    expect((await signed(fresh(), '-d', 'signed')).code).toBe(0)
  })

  test('none, or a bad one, is not', async () => {
    expect((await signed(fresh(), '-d', 'busy')).stderr).toContain('it is not signed (no SHA256SUMS.asc)')
    server.files.set(`${directory}/SHA256SUMS`, Buffer.concat([server.files.get(`${directory}/SHA256SUMS`) ?? Buffer.of(), Buffer.from('\n')]))
    expect((await signed(fresh(), '-d', 'signed', '--flush-cache')).stderr).toMatch(/its signature does not verify: .*BAD signature/i)
  })

  test('simplestreams: index and products signed in the clear', async () => {
    const name = fresh()
    const { code, stderr } = await signed(name, '-d', 'signed', `--server=${streams.url}`)
    expect(code, stderr).toBe(0)
    expect(streams.served).toContain('streams/v1/images.sjson')
    expect(streams.served).not.toContain('streams/v1/images.json')
    streams.files.set('streams/v1/images.sjson', Buffer.from((streams.files.get('streams/v1/images.sjson')?.toString() ?? '').replace('"release":"1"', '"release":"2"')))
    expect((await signed(fresh(), '-d', 'signed', `--server=${streams.url}`, '--flush-cache')).stderr).toMatch(/cannot use .*images\.sjson: its signature does not verify: .*BAD signature/i)
  })
})

describe('simplestreams', () => {
  let streams: ImageServer
  beforeAll(async () => {
    streams = await startImageServer()
    addStreamsImage(streams, { dist: 'Busybox', rootfs: tree })
  })
  afterAll(() => streams.close())
  const create = (name: string, ...args: string[]): Promise<Result> =>
    tlxc('create', '-n', name, '-B', 'dir', '-t', 'download', '--', `--server=${streams.url}`, '--no-validate', '-d', 'busybox', '-r', '1', ...args)

  test('makes a container that starts, with the common configuration of the distribution', async () => {
    const name = fresh()
    const { code, stderr } = await create(name)
    expect(code, stderr).toBe(0)
    expect(configOf(name)).toMatch(/^lxc\.include = .*\/busybox\.common\.conf$/m)
    await must('start', '-n', name)
    expect(await must('attach', '-n', name, '--', 'hostname')).toBe(`${name}\n`)
    await must('stop', '-k', '-n', name)
  })

  test('checks the checksum', async () => {
    streams.faults.set('streams-images/Busybox/20260101_00:00/root.tar.xz', { fault: 'corrupt' })
    expect((await create(fresh(), '--flush-cache')).stderr).toMatch(/cannot use .*root\.tar\.xz: its sha256 checksum is not/)
    expect((await create(fresh())).code).toBe(0)
  })
})

test('tlxc-local: the same from two files, without /dev', async () => {
  const name = fresh()
  writeFileSync(join(scratch, 'meta.tar.xz'), packFiles({ config: 'lxc.include = LXC_TEMPLATE_CONFIG/busybox.common.conf\n', templates: '/etc/hostname\n' }))
  writeFileSync(join(scratch, 'rootfs.tar.xz'), pack(tree))
  await must('create', '-n', name, '--privileged', '-B', 'dir', '-t', 'local', '--', '-m', join(scratch, 'meta.tar.xz'), '-f', join(scratch, 'rootfs.tar.xz'), '--no-dev')
  expect(existsSync(join(rootfsOf(name), 'dev/node'))).toBe(false)
  await must('start', '-n', name)
  expect(await must('attach', '-n', name, '--', 'cat', '/etc/hostname')).toBe(`${name}\n`)
  await must('stop', '-k', '-n', name)
})

test('a layer instead of a copy: the first call names a tree, the second finishes the container', async () => {
  const template = join(binDir, '../share/tlxc/templates/tlxc-download')
  const directory = mkdtempSync(join(scratch, 'layer-'))
  const request = join(directory, 'request')
  writeFileSync(join(directory, 'config'), 'lxc.idmap = u 0 1000000 65536\n')
  mkdirSync(join(directory, 'rootfs'))
  const call = (env: Record<string, string>): Promise<Result> =>
    run(template, [`--path=${directory}`, '--name=layered', `--rootfs=${join(directory, 'rootfs')}`, `--server=${server.url}`, '--no-validate', '-d', 'busy', '-r', '1'], {
      env: { TLXC_CACHE_DIR: join(root(), 'var/cache/tlxc'), ...env },
    })
  expect((await call({ TLXC_LAYER_REQUEST: request })).code).toBe(0)
  const [tree_ = ''] = readFileSync(request, 'utf8').split(' ')
  expect(existsSync(join(tree_, 'bin/busybox'))).toBe(true)
  expect(readdirSync(join(directory, 'rootfs'))).toEqual([])
  execFileSync('cp', ['-a', `${tree_}/.`, join(directory, 'rootfs')])
  const second = await call({ TLXC_LAYER_STAGE: 'customise' })
  expect([second.code, second.stderr]).toEqual([0, expect.any(String)])
  expect(readFileSync(join(directory, 'rootfs/etc/hostname'), 'utf8')).toBe('layered\n')
  expect(readFileSync(join(tree_, 'etc/hostname'), 'utf8')).toBe('LXC_NAME\n')
  expect(readdirSync(directory).sort()).toEqual(['config', 'request', 'rootfs'])
})
