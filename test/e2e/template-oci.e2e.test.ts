/** tlxc-oci: images of a layout, a registry on loopback and an archive; whiteouts, and what the image says of its program. Layers: oci-layers.e2e.test.ts. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binDir, eventually, freshName, leavesNothing, must, run, tlxc, type Result } from '../helpers/e2e.ts'
import { makeBusyboxTree } from '../helpers/image-server.ts'
import { writeLayout } from '../helpers/oci-layout.ts'

let scratch = ''
let layout = ''
let digests: string[] = []
const made: string[] = []
const root = (): string => process.env['TLXC_ROOT'] ?? ''
const cache = (): string => join(root(), 'var/cache/tlxc/oci')
const rootfsOf = (name: string): string => join(root(), 'var/lib/tlxc', name, 'rootfs')
const configOf = (name: string): string => readFileSync(join(root(), 'var/lib/tlxc', name, 'config'), 'utf8')
const create = (name: string, url: string, ...args: string[]): Promise<Result> =>
  run(join(binDir, 'tlxc-create'), ['-n', name, '-B', 'dir', '-t', 'oci', '--', `--url=${url}`, ...args], { env: { TLXC_STALL_TIMEOUT: '3' } })
const fresh = (): string => {
  const name = freshName('oci')
  made.push(name)
  return name
}

/** The one for -B dir; another one, "-layers", is for containers in layers. */
const entryOf = (start: string): string => readdirSync(cache()).find((file) => file.startsWith(start) && !file.endsWith('-layers')) ?? 'none'

/** A layer's directory made by a script that runs in it. */
function layer(script: string): string {
  const directory = mkdtempSync(join(scratch, 'layer-'))
  execFileSync('sh', ['-ec', `umask 022; chmod 755 .; ${script}`], { cwd: directory })
  return directory
}

const CONFIG = {
  Entrypoint: ['/bin/sh', '-c'],
  Cmd: [`echo "I'm $GREETING" >/data/said; id -u >>/data/said; pwd >>/data/said; trap 'exit 0' TERM; sleep 1000 & wait`],
  Env: ['PATH=/bin:/sbin:/usr/bin', 'GREETING=hello world', 'BAD=a\nlxc.hook.pre-start = /bin/touch /owned'],
  User: 'app',
  WorkingDir: '/data',
  Volumes: { '/data': {} },
  ExposedPorts: { '80/tcp': {} },
  StopSignal: 'SIGTERM',
}

beforeAll(() => {
  scratch = mkdtempSync('/var/tmp/tlxc-oci-')
  const base = makeBusyboxTree(join(scratch, 'tree'))
  execFileSync('sh', ['-ec', 'echo app:x:1000:1000::/:/bin/sh >>etc/passwd; mkdir -p gone kept/opaque below/sub; echo 1 >gone/file; echo 1 >kept/opaque/old; echo 1 >kept/file; ln kept/file kept/hard; echo 1 >below/sub/file; chmod 1777 below'], { cwd: base })
  layout = join(scratch, 'layout')
  digests = writeLayout(layout, {
    config: CONFIG,
    layers: [
      base,
      layer('touch .wh.gone; mkdir -p kept/opaque below; echo 2 >kept/opaque/new; touch kept/opaque/.wh..wh..opq; echo 2 >below/new; chmod 1777 below'),
      layer('mkdir -p below/sub; touch below/.wh.new below/sub/.wh.file; echo 3 >below/sub/other; chmod 1777 below'),
    ],
  })
})
afterAll(async () => {
  for (const name of made) await tlxc('destroy', '-f', '-n', name)
  rmSync(scratch, { recursive: true, force: true })
  for (const name of made) await leavesNothing(name)
})

describe('a layout', () => {
  const name = freshName('oci')
  made.push(name)
  beforeAll(async () => {
    const { code, stderr } = await create(name, `oci:${layout}:latest`)
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('not taken over: lxc.environment: it has a line break')
  })

  test('whiteouts hide, opaque directories begin anew, attributes and links stay', () => {
    const path = (below: string): string => join(rootfsOf(name), below)
    expect(existsSync(path('gone'))).toBe(false)
    expect(readdirSync(path('kept/opaque'))).toEqual(['new'])
    expect(readdirSync(path('below')).sort()).toEqual(['sub'])
    expect(readdirSync(path('below/sub'))).toEqual(['other'])
    expect(statSync(path('below')).mode & 0o7777).toBe(0o1777)
    expect(statSync(path('kept/hard')).ino).toBe(statSync(path('kept/file')).ino)
    expect(existsSync(path('dev/node'))).toBe(false)
    expect(readdirSync(path('')).filter((entry) => entry.startsWith('.tlxc'))).toEqual([])
  })

  test('the configuration says how to run it; the image adds no line of its own', () => {
    const config = configOf(name)
    expect(config).toMatch(/^lxc\.init\.uid = 1000$/m)
    expect(config).toMatch(/^lxc\.init\.cwd = \/data$/m)
    expect(config).toMatch(/^lxc\.signal\.halt = SIGTERM$/m)
    expect(config).toMatch(/^lxc\.environment = GREETING=hello world$/m)
    expect(config).toMatch(/^# Exposed port: 80\/tcp$/m)
    expect(config).not.toMatch(/^lxc\.hook\.pre-start/m)
  })

  test('in layers, too: the default storage takes what the template made', async () => {
    const layered = fresh()
    await must('create', '-n', layered, '-t', 'oci', '--', `--url=oci:${layout}:latest`)
    await must('start', '-n', layered)
    expect(await must('attach', '-n', layered, '--', '/bin/ls', '/below/sub')).toBe('other\n')
    await must('stop', '-k', '-n', layered)
  })

  test('tlxc-start runs its program as its user, in its directory, with its environment', async () => {
    await must('start', '-n', name)
    await eventually('the program', () => Promise.resolve(existsSync(join(rootfsOf(name), 'data/said')) && readFileSync(join(rootfsOf(name), 'data/said'), 'utf8').split('\n').length > 3))
    expect(readFileSync(join(rootfsOf(name), 'data/said'), 'utf8')).toBe(`I'm hello world\n1000\n/data\n`)
    const begin = Date.now()
    await must('stop', '-n', name)
    // The hard stop comes after 60 s: below means that the program took the signal that the image names.
    expect(Date.now() - begin).toBeLessThan(30_000)
  })

  test('the second container comes from the cache', async () => {
    const second = fresh()
    const before = statSync(join(cache(), entryOf('layout-latest-'), 'id')).mtimeMs
    await must('create', '-q', '-n', second, '-B', 'dir', '-t', 'oci', '--', `--url=oci:${layout}:latest`)
    expect(statSync(join(cache(), entryOf('layout-latest-'), 'id')).mtimeMs).toBe(before)
    expect(readFileSync(join(rootfsOf(second), 'etc/hostname'), 'utf8')).toBe(`${second}\n`)
  })

  test('a damaged blob, an unknown tag, no layout: told, and nothing made; what is damaged in the cache heals', async () => {
    const broken = join(scratch, 'broken')
    execFileSync('cp', ['-a', layout, broken])
    // A byte of a layer that the cache does not have.
    const other = writeLayout(broken, { layers: [layer('echo other >file')], tag: 'x' })
    writeFileSync(join(broken, 'blobs', (other[0] ?? '').replace(':', '/')), 'something else')
    const failed = fresh()
    expect((await create(failed, `oci:${broken}`)).stderr).toMatch(/has another checksum than its name/)
    expect((await create(failed, `oci:${layout}:none`)).stderr).toMatch(/cannot find tag "none".*\n.*it has: latest/)
    expect((await create(failed, `oci:${scratch}/nowhere`)).stderr).toMatch(/there is no OCI layout/)
    expect((await create(failed, `oci:${layout}:latest`, '--mode=layers')).stderr).toMatch(/option --mode is for --refresh-cache/)
    expect(existsSync(join(rootfsOf(failed), '..'))).toBe(false)
    const blob = join(cache(), 'blobs', (digests[1] ?? '').replace(':', '/'))
    writeFileSync(blob, 'damaged')
    await must('template', 'cache', '--flush', 'oci')
    expect(existsSync(blob)).toBe(false)
    await must('create', '-n', failed, '-B', 'dir', '-t', 'oci', '--', `--url=oci:${layout}:latest`)
    writeFileSync(blob, 'damaged')
    await must('create', '-n', fresh(), '-B', 'dir', '-t', 'oci', '--', `--url=oci:${layout}:latest`)
    expect(statSync(blob).size).toBeGreaterThan(10)
  })

  test('--refresh follows a tag that moved, and forgets what it meant', async () => {
    const moving = join(scratch, 'moving')
    writeLayout(moving, { layers: [layer('echo 1 >version')] })
    await must('create', '-n', fresh(), '-B', 'dir', '-t', 'oci', '--', `--url=oci:${moving}:latest`)
    const before = entryOf('moving-latest-')
    writeLayout(moving, { layers: [layer('echo 2 >version')] })
    await must('template', 'cache', '--refresh', `oci/${before}`)
    const after = entryOf('moving-latest-')
    expect(after).not.toBe(before)
    expect(readFileSync(join(cache(), after, 'rootfs/version'), 'utf8')).toBe('2\n')
    expect(readdirSync(cache())).not.toContain(before)
  })

  test('an image with links into this machine writes nothing there', async () => {
    const outside = mkdtempSync(join(scratch, 'outside-'))
    const first = layer(`mkdir etc; ln -s ${outside} data; ln -s ${outside}/hosts etc/hosts; ln -s ${outside} etc/rc`)
    const second = layer('mkdir data etc etc/rc; echo evil >data/evil; echo evil >etc/rc/evil; touch etc/rc/.wh.precious')
    writeFileSync(join(outside, 'precious'), '')
    const hostile = join(scratch, 'hostile')
    writeLayout(hostile, { layers: [first, second], config: { WorkingDir: '/../../../../data/made', Cmd: ['/evil'] } })
    const victim = fresh()
    const { code, stderr } = await create(victim, `oci:${hostile}`)
    expect(code, stderr).toBe(0)
    expect(readdirSync(outside)).toEqual(['precious'])
    expect(readFileSync(join(rootfsOf(victim), 'data/evil'), 'utf8')).toBe('evil\n')
  })

  test('file capabilities stay; marks of overlayfs in an image do not', async () => {
    const marked = join(scratch, 'marked')
    const content = layer('touch ping; mkdir hidden')
    execFileSync('setfattr', ['-n', 'security.capability', '-v', '0x0100000200200000000000000000000000000000', join(content, 'ping')])
    execFileSync('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', join(content, 'hidden')])
    writeLayout(marked, { layers: [content], tar: ['--format=posix', '--xattrs', '--xattrs-include=*'] })
    const name_ = fresh()
    await must('create', '-n', name_, '-B', 'dir', '-t', 'oci', '--', `--url=oci:${marked}`)
    const attributes = (path: string): string => execFileSync('getfattr', ['-d', '-m', '-', '--absolute-names', join(rootfsOf(name_), path)], { encoding: 'utf8' })
    expect(attributes('ping')).toContain('security.capability')
    expect(attributes('hidden')).not.toContain('trusted')
  })

  test('--dhcp: an address without a client inside', async () => {
    const app = fresh()
    await must('create', '-n', app, '-B', 'dir', '-t', 'oci', '--', `--url=oci:${layout}:latest`, '--dhcp')
    await must('start', '-n', app)
    expect(await eventually('an address', async () => /\d+\.\d+\.\d+\.\d+/.exec((await tlxc('info', '-n', app, '-iH')).stdout)?.[0])).toBeTruthy()
    expect(await must('attach', '-n', app, '--', '/bin/cat', '/etc/resolv.conf')).toContain('nameserver ')
    await must('stop', '-k', '-n', app)
    await eventually('the end of the client', () => Promise.resolve(spawnSync('pgrep', ['-f', `udhcpc.*${app}/dhcp.pid`]).status !== 0))
  })
})

describe('a registry on loopback', () => {
  let registry: ChildProcess
  let address = ''
  beforeAll(async () => {
    const port = await freePort()
    address = `127.0.0.1:${port}`
    const config = join(scratch, 'registry.yml')
    writeFileSync(config, `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${scratch}/registry\nhttp:\n  addr: ${address}\n`)
    registry = spawn('docker-registry', ['serve', config], { stdio: 'ignore' })
    await eventually('the registry', () => run('curl', ['-sf', `http://${address}/v2/`]).then(({ code }) => code === 0))
    execFileSync('skopeo', ['copy', '--quiet', '--dest-tls-verify=false', `oci:${layout}:latest`, `docker://${address}/app:1`])
  })
  afterAll(() => {
    registry.kill('SIGKILL')
  })

  test('by tag, and as an archive; blobs that are there are not downloaded again', async () => {
    const name = fresh()
    const { code, stderr } = await create(name, `docker://${address}/app:1`, '--insecure')
    expect(code, stderr).toBe(0)
    expect(readdirSync(join(rootfsOf(name), 'below/sub'))).toEqual(['other'])
    expect(existsSync(join(cache(), 'layout'))).toBe(false)
    await must('start', '-n', name)
    await must('stop', '-k', '-n', name)
    const hex = (digests[0] ?? '').slice('sha256:'.length)
    rmSync(join(scratch, 'registry/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex), { recursive: true })
    expect((await create(fresh(), `docker://${address}/app:1`, '--insecure')).code).toBe(0)
    expect((await create(fresh(), `docker://${address}/app:1`, '--insecure', '--no-cache')).stderr).toContain('cannot download')
    execFileSync('skopeo', ['copy', '--quiet', `oci:${layout}:latest`, `docker-archive:${scratch}/image.tar:app:1`])
    const archived = fresh()
    const second = await create(archived, `docker-archive:${scratch}/image.tar`, '--no-cache')
    expect(second.code, second.stderr).toBe(0)
    expect(readdirSync(join(rootfsOf(archived), 'kept/opaque'))).toEqual(['new'])
    expect(existsSync(join(rootfsOf(archived), '../image.note'))).toBe(false)
  })

  test('what it does not have, and nobody there: the image and the reason are told', async () => {
    const name = fresh()
    expect((await create(name, `docker://${address}/none:1`, '--insecure')).stderr).toMatch(new RegExp(`cannot download docker://${address}/none:1: .*manifest unknown`))
    expect((await create(name, 'docker://127.0.0.1:1/app:1', '--insecure')).stderr).toMatch(/cannot download docker:\/\/127\.0\.0\.1:1\/app:1: .*connection refused/)
    expect(existsSync(join(rootfsOf(name), '..'))).toBe(false)
    expect(existsSync(join(cache(), 'layout'))).toBe(false)
  })

  test('a private one: the name is noted down for a refresh, the password is not', async () => {
    const port = await freePort()
    const config = join(scratch, 'private.yml')
    // The password is "secret".
    writeFileSync(join(scratch, 'htpasswd'), 'ann:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n')
    writeFileSync(config, `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${scratch}/registry\nhttp:\n  addr: 127.0.0.1:${port}\nauth:\n  htpasswd:\n    realm: r\n    path: ${scratch}/htpasswd\n`)
    const guarded = spawn('docker-registry', ['serve', config], { stdio: 'ignore' })
    try {
      await eventually('the registry', () => run('curl', ['-s', `http://127.0.0.1:${port}/v2/`]).then(({ code }) => code === 0))
      execFileSync('skopeo', ['copy', '--quiet', '--dest-tls-verify=false', '--dest-creds=ann:secret', `oci:${layout}:latest`, `docker://127.0.0.1:${port}/private:1`])
      const url = `docker://127.0.0.1:${port}/private:1`
      const withPassword = { env: { OCI_PASSWORD: 'secret' } }
      const args = ['-n', fresh(), '-B', 'dir', '-t', 'oci', '--', `--url=${url}`, '--insecure']
      const nameless = await run(join(binDir, 'tlxc-create'), args, withPassword)
      expect([nameless.code, nameless.stderr]).toEqual([1, expect.stringContaining('a password means nothing without --username=NAME, ignoring')])
      const { code, stderr } = await run(join(binDir, 'tlxc-create'), [...args, '--username=ann'], withPassword)
      expect(code, stderr).toBe(0)
      const entry = entryOf('private-1-')
      expect(readFileSync(join(cache(), entry, 'origin'), 'utf8')).not.toContain('secret')
      const refresh = ['cache', '--refresh', `oci/${entry}`]
      expect(await run(join(binDir, 'tlxc-template'), refresh, withPassword)).toMatchObject({ code: 0, stderr: '' })
      expect((await tlxc('template', ...refresh)).stderr).toContain('a --username needs --password, or OCI_PASSWORD in the environment')
    } finally {
      guarded.kill('SIGKILL')
    }
  })

  test('a registry that falls silent', async () => {
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as AddressInfo
    try {
      expect((await create(fresh(), `docker://127.0.0.1:${port}/app:1`, '--insecure')).stderr).toContain('nothing came for 3 seconds')
    } finally {
      silent.close()
    }
  })
})

test('templates of a directory in TLXC_TEMPLATE_PATH go first', async () => {
  const directory = join(scratch, 'own')
  mkdirSync(directory)
  symlinkSync(join(binDir, '../share/tlxc/templates/tlxc-busybox'), join(directory, 'tlxc-mine'))
  writeFileSync(join(directory, 'tlxc-busybox'), '#!/bin/sh\n# Template: nothing at all.\necho "mine: $*"\n', { mode: 0o755 })
  const env = { TLXC_TEMPLATE_PATH: `relative:${directory}` }
  const listed = await run(join(binDir, 'tlxc-template'), ['list'], { env })
  expect(listed.stdout).toMatch(/^busybox +TLXC_TEMPLATE_PATH nothing at all/m)
  expect((await run(join(binDir, 'tlxc-create'), ['-t', 'busybox', '-h'], { env })).stderr).toContain('mine: -h')
  expect((await tlxc('create', '-t', 'oci', '--help')).stderr).toContain('--url=IMAGE')
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
