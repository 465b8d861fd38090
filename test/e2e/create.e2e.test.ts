/** Create and destroy: what they make, whom they keep out, and that a create is all or nothing. Nothing here starts a container. */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lockPath } from '../../src/host/lock.ts'
import { makePaths, runBase } from '../../src/host/paths.ts'
import { binDir, eventually, freshName, must, run, tlxc } from '../helpers/e2e.ts'

/** For templates, gates and whatever else is no container. */
let scratch = ''
let lxcpath = ''
beforeAll(() => {
  scratch = mkdtempSync('/var/tmp/tlxc-create-')
  chmodSync(scratch, 0o755)
  lxcpath = join(scratch, 'lxc')
  mkdirSync(lxcpath)
})
afterAll(async () => {
  expect(left()).toEqual([])
  await must('destroy', '-P', lxcpath, '--empty-trash')
  rmSync(scratch, { recursive: true })
})

/** Containers, whole or not; the pool and the trash are no containers. */
const left = (): string[] => readdirSync(lxcpath).filter((name) => !['.pool', '.trash'].includes(name))
const create = (name: string, ...args: string[]) => tlxc('create', '-P', lxcpath, '-n', name, ...args)
const destroy = (name: string, ...args: string[]) => tlxc('destroy', '-P', lxcpath, '-n', name, ...args)
const config = (name: string): string => readFileSync(join(lxcpath, name, 'config'), 'utf8')
const idmap = (name: string): string[] => [...config(name).matchAll(/^lxc\.idmap = (.*)$/gm)].map((match) => match[1] ?? '')

/** A template of the test's own, outside of lxcpath. */
function template(body: string): string {
  const file = join(mkdtempSync(join(scratch, 'template-')), 'template')
  writeFileSync(file, `#!/bin/sh\nfor a; do case $a in --rootfs=*) rootfs=\${a#*=};; --path=*) path=\${a#*=};; esac; done\n${body}\n`, { mode: 0o755 })
  return file
}

describe('what is made', () => {
  test('by default: an id range of its own, unshifted files, id-mapped mount, a veth with a fixed address', async () => {
    const [a, b] = [freshName('create'), freshName('create')]
    const made: unknown = JSON.parse(await must('create', '-P', lxcpath, '-n', a, '-t', 'busybox', '--json'))
    expect(made).toMatchObject({ schema: 'tlxc/create/1', container: { name: a, rootfs: join(lxcpath, a, 'rootfs'), storage: 'overlay', privileged: false } })
    expect((await create(b, '-t', 'busybox')).code).toBe(0)
    expect(idmap(a)).toHaveLength(2)
    expect(idmap(a)).not.toEqual(idmap(b))
    expect(config(a)).toMatch(/^lxc\.rootfs\.options = idmap=container$/m)
    expect(config(a)).toMatch(/^lxc\.net\.0\.hwaddr = 10:66:6a(:[0-9a-f]{2}){3}$/m)
    expect(config(a)).toContain(`\nlxc.net.0.link = ${process.env['TLXC_TEST_BRIDGE'] ?? ''}\n`)
    expect(statSync(join(lxcpath, a, 'rootfs/bin/busybox')).uid).toBe(0)
    expect(existsSync(join(lxcpath, a, 'partial'))).toBe(false)
    expect((await destroy(a)).code).toBe(0)
    // The range is free again, and taken again.
    const before = idmap(b)
    expect((await create(a, '-t', 'busybox')).code).toBe(0)
    expect(idmap(a)).not.toEqual(before)
    for (const name of [a, b]) expect((await destroy(name)).code).toBe(0)
  })

  test('--privileged: no id map', async () => {
    const name = freshName('create')
    expect((await create(name, '-t', 'busybox', '--privileged')).code).toBe(0)
    expect(config(name)).not.toMatch(/idmap|userns/)
    expect((await destroy(name)).code).toBe(0)
  })

  test('template "none": a configuration only', async () => {
    const name = freshName('create')
    expect((await create(name, '-t', 'none')).code).toBe(0)
    expect(readdirSync(join(lxcpath, name))).toEqual(['config'])
    expect(config(name)).not.toContain('lxc.rootfs.path')
    expect((await destroy(name)).code).toBe(0)
  })

  test('the template gets LXC\'s arguments, umask, and mounts of its own', async () => {
    const name = freshName('create')
    const file = template('printf "%s\\n" "$@" >"$rootfs/args"; umask >"$rootfs/umask"; mkdir "$rootfs/m"; mount -t tmpfs none "$rootfs/m"; echo "lxc.uts.name = x" >>"$path/config"')
    expect((await create(name, '-t', file, '--', '-r', 'a b')).code).toBe(0)
    const rootfs = join(lxcpath, name, 'rootfs')
    expect(readFileSync(join(rootfs, 'args'), 'utf8')).toBe(`--path=${lxcpath}/${name}\n--name=${name}\n--rootfs=${rootfs}\n-r\na b\n`)
    expect(readFileSync(join(rootfs, 'umask'), 'utf8')).toBe('0022\n')
    expect(config(name)).toMatch(/^lxc\.uts\.name = x$/m)
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(`${rootfs}/m`)
    expect((await destroy(name)).code).toBe(0)
  })

  test('-q says nothing, --json nothing but JSON on standard output', async () => {
    const name = freshName('create')
    const noisy = template('echo to-out; echo to-err >&2')
    expect(await create(name, '-q', '-t', noisy)).toMatchObject({ code: 0, stdout: '', stderr: '' })
    await destroy(name)
    const result = await create(name, '--json', '-t', noisy)
    expect(() => void JSON.parse(result.stdout)).not.toThrow()
    expect(result.stderr).toContain('to-out')
    await destroy(name)
    expect((await create(name, '-t', noisy)).stdout).toContain('to-out')
    await destroy(name)
  })

  test('files that a template is told are relative to where tlxc-create was called', async () => {
    const [name, here] = [freshName('create'), mkdtempSync(join(scratch, 'here-'))]
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA ann\n'
    writeFileSync(join(here, 'id.pub'), key)
    symlinkSync(spawnSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).stdout.trim(), join(here, 'mine'))
    const made = await run(join(binDir, 'tlxc-create'), ['-P', lxcpath, '-n', name, '-t', 'busybox', '--', '--busybox-path=./mine', '--root-ssh-key=id.pub', '--user=ann', '--ssh-key', 'id.pub'], { cwd: here })
    expect(made).toMatchObject({ code: 0, stderr: '' })
    for (const home of ['root', 'home/ann']) expect(readFileSync(join(lxcpath, name, 'rootfs', home, '.ssh/authorized_keys'), 'utf8')).toBe(key)
    expect((await destroy(name)).code).toBe(0)
  })

  test('-- --help shows the help of the template, and makes nothing', async () => {
    const name = freshName('create')
    const result = await create(name, '-t', 'busybox', '--', '--help')
    expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('no container was made')])
    expect(result.stdout).toContain('--busybox-path')
    expect(left()).toEqual([])
  })

  test('-h with -t shows the help of the template as well', async () => {
    const result = await tlxc('create', '-t', 'busybox', '-h')
    expect(result.code).toBe(0)
    expect(result.stderr).toContain('--busybox-path')
  })
})

describe('who may reach it', () => {
  const asNobody = (...command: string[]) => run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', ...command])

  test('a set-uid file of a container is out of reach for other users, from the first moment', async () => {
    const [name, elsewhere] = [freshName('create'), join(scratch, 'elsewhere')]
    const peek = template('cp /bin/true "$rootfs/suid"; chmod 4755 "$rootfs/suid"; setpriv --reuid=65534 --regid=65534 --clear-groups ls "$rootfs/suid" 2>/dev/null && exit 1; exit 0')
    expect((await create(name, '-t', peek)).code).toBe(0)
    expect((await asNobody('ls', join(lxcpath, name, 'rootfs/suid'))).code).not.toBe(0)
    expect((await asNobody('sh', '-c', 'exec "$0"', join(lxcpath, name, 'rootfs/suid'))).code).not.toBe(0)
    expect((await destroy(name)).code).toBe(0)
    expect((await create(name, '-t', peek, '--dir', elsewhere)).code).toBe(0)
    expect((await asNobody('ls', join(elsewhere, 'rootfs/suid'))).code).not.toBe(0)
    expect((await destroy(name)).code).toBe(0)
    expect(existsSync(elsewhere)).toBe(false)
  })
})

test('a destroy of the same name is waited for, as long as --lock-timeout says', async () => {
  const name = freshName('create')
  const lock = `${runBase(makePaths('', process.env['TLXC_ROOT']), lxcpath)}/.locks/${name}`
  const held = await lockPath(lock, { timeoutMs: 0, purpose: `destroy of ${name}` })
  const impatient = await create(name, '-t', 'busybox', '--lock-timeout=0')
  expect([impatient.code, impatient.stderr]).toEqual([1, expect.stringContaining('another command is working on it')])
  const patient = create(name, '-t', 'busybox')
  setTimeout(() => void held.release(), 700)
  expect(await patient).toMatchObject({ code: 0, stderr: '' })
  expect((await destroy(name)).code).toBe(0)
})

describe('the tree of a template that is', () => {
  /** A template with a cache of one tree; what it does at its end is what another command does between that and the copy. */
  const cached = (end: string): string => template(`
[ "\${TLXC_LAYER_STAGE:-}" = '' ] || exit 0
cache=$(dirname "$0")/cache; mkdir -p "$cache/rootfs/etc"; echo x >>"$cache/calls"
n=$(wc -l <"$cache/calls"); echo "$n" >"$cache/id"; echo "$n" >"$cache/rootfs/etc/version"
printf '%s\\n' "$cache/rootfs system-$n" "$cache/lock" "$cache/id" >"$TLXC_LAYER_REQUEST"
[ "$n" -gt 1 ] || { ${end}; }`)

  test.each([
    ['removed', 'rm -r "$cache/rootfs" "$cache/id"'],
    ['replaced', 'echo other >"$cache/id"; echo other >"$cache/rootfs/etc/version"'],
  ])('%s before it is copied is asked for once more', async (_what, end) => {
    const name = freshName('create')
    expect(await create(name, '-t', cached(end))).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(join(lxcpath, name, 'rootfs/etc/version'), 'utf8')).toBe('2\n')
    expect((await destroy(name)).code).toBe(0)
  })
})

test('an option of another storage type: the error names the one that is used by default', async () => {
  expect((await create(freshName('create'), '-t', 'busybox', '--fssize=1G')).stderr).toContain('option --fssize means nothing to storage type overlay')
})

describe('all or nothing', () => {
  const slow = (): string => template('mkdir "$rootfs/etc"; : >"$rootfs/started"; while :; do echo x >>"$rootfs/etc/grows"; sleep 0.02; done')

  test('Ctrl-C, SIGTERM: undone, the template does not write on, 128+N', async () => {
    for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
      const name = freshName('create')
      const child = spawn(join(binDir, 'tlxc-create'), ['-P', lxcpath, '-n', name, '-t', slow()], { stdio: 'ignore' })
      const ended = new Promise((resolve) => child.on('exit', resolve))
      await eventually('the template runs', async () => existsSync(join(lxcpath, name, 'rootfs/started')))
      child.kill(signal)
      expect(await ended).toBe(code)
      expect(left()).toEqual([])
    }
  })

  test('kill -9: the template dies too; destroy and the next create clean up', async () => {
    for (const cleanUp of [destroy, (name: string) => create(name, '-t', 'busybox')]) {
      const name = freshName('create')
      const child = spawn(join(binDir, 'tlxc-create'), ['-P', lxcpath, '-n', name, '-t', slow()], { stdio: 'ignore' })
      const grows = join(lxcpath, name, 'rootfs/etc/grows')
      await eventually('the template writes', async () => existsSync(grows))
      child.kill('SIGKILL')
      await eventually('the template stopped writing', async () => {
        const size = statSync(grows).size
        await new Promise((resolve) => setTimeout(resolve, 200))
        return statSync(grows).size === size
      })
      expect((await cleanUp(name)).code).toBe(0)
      expect(existsSync(grows)).toBe(false)
      await destroy(name)
      expect(existsSync(join(lxcpath, name))).toBe(false)
    }
  })

  test('two creates of one name: the second says so while the first is at it', async () => {
    const name = freshName('create')
    const gate = join(mkdtempSync(join(scratch, 'gate-')), 'open')
    const first = create(name, '-t', template(`: >"$rootfs/started"; until [ -e ${gate} ]; do sleep 0.05; done`))
    await eventually('the template runs', async () => existsSync(join(lxcpath, name, 'rootfs/started')))
    expect((await create(name, '-t', 'busybox')).stderr).toContain('is being created by another command')
    writeFileSync(gate, '')
    expect((await first).code).toBe(0)
    expect((await create(name, '-t', 'busybox')).stderr).toContain('already exists')
    expect((await destroy(name)).code).toBe(0)
  })

  test('a template that breaks the configuration', async () => {
    const name = freshName('create')
    const result = await create(name, '-t', template('echo "lxc.nosuch = 1" >>"$path/config"'))
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/config:\d+: lxc\.nosuch/)
    expect(left()).toEqual([])
  })

  test('a small real disk that fills up in the template, in tlxc itself', async () => {
    const directory = mkdtempSync(join(scratch, 'ext4-'))
    const image = `${directory}.img`
    spawnSync('truncate', ['-s', '4M', image])
    spawnSync('mkfs.ext4', ['-q', '-O', '^has_journal', image])
    expect(spawnSync('mount', ['-o', 'loop', image, directory]).status).toBe(0)
    try {
      const inTemplate = await tlxc('create', '-P', directory, '-n', 'full', '-t', template('mkdir "$rootfs/d"; dd if=/dev/zero of="$rootfs/d/f" bs=64k'))
      expect(inTemplate.stderr).toMatch(/no space left/i)
      const inTlxc = await tlxc('create', '-P', directory, '-n', 'full', '-t', template('dd if=/dev/zero of="$rootfs/f" bs=4k 2>/dev/null; exit 0'))
      expect(inTlxc.code).toBe(1)
      expect(inTlxc.stderr).toMatch(/no space left/i)
      expect(readdirSync(directory).filter((entry) => !['lost+found', '.pool'].includes(entry))).toEqual([])
    } finally {
      spawnSync('umount', [directory])
      rmSync(directory, { recursive: true })
      rmSync(image)
    }
  })
})

describe('destroy refuses, in LXC\'s words', () => {
  const name = freshName('create')
  const dir = (): string => join(lxcpath, name)
  beforeAll(() => must('create', '-P', lxcpath, '-q', '-n', name, '-t', 'busybox'))

  test('with snapshots, unless -s', async () => {
    mkdirSync(join(dir(), 'snaps/snap0'), { recursive: true })
    expect(await destroy(name)).toMatchObject({ code: 1, stderr: expect.stringContaining(`Destroying ${name} failed: ${name} has snapshots`) as string })
    rmSync(join(dir(), 'snaps'), { recursive: true })
  })

  test('with clones', async () => {
    writeFileSync(join(dir(), 'lxc_snapshots'), '/srv\nclone\n')
    // With -s it goes: clones keep the layers that they use, which LXC's cannot.
    for (const args of [[], ['-f']]) {
      expect(await destroy(name, ...args)).toMatchObject({ code: 1, stderr: expect.stringContaining(`Destroying ${name} failed: ${name} has clones`) as string })
    }
    rmSync(join(dir(), 'lxc_snapshots'))
  })

  test('with a mount inside; nothing is lost', async () => {
    const mount = join(dir(), 'rootfs/mnt')
    spawnSync('mount', ['-t', 'tmpfs', 'none', mount])
    try {
      expect((await destroy(name)).stderr).toContain(`"${mount}" is mounted there`)
      expect(existsSync(join(dir(), 'rootfs/bin/busybox'))).toBe(true)
    } finally {
      spawnSync('umount', [mount])
    }
  })

  test('when a destroy hook fails; and the hook sees LXC\'s environment and arguments', async () => {
    const seen = join(mkdtempSync(join(scratch, 'hook-')), 'seen')
    const before = config(name)
    const hook = template(`echo "$LXC_NAME $LXC_ROOTFS_PATH $*" >${seen}; exit 1`)
    writeFileSync(join(dir(), 'config'), `${before}lxc.hook.destroy = ${hook}\n`)
    expect((await destroy(name)).stderr).toContain(hook)
    expect(readFileSync(seen, 'utf8')).toBe(`${name} dir:${dir()}/rootfs ${name} lxc destroy\n`)
    writeFileSync(join(dir(), 'config'), before)
  })

  test('but immutable files, links out of the tree and trees deeper than a path may be long go', async () => {
    const precious = join(mkdtempSync(join(scratch, 'precious-')), 'file')
    writeFileSync(precious, 'still here')
    symlinkSync(precious, join(dir(), 'rootfs/link'))
    symlinkSync('/var', join(dir(), 'rootfs/dirlink'))
    spawnSync('chattr', ['+i', join(dir(), 'rootfs/etc/passwd')])
    const deep = 'i=0; while [ $i -lt 60 ]; do mkdir $0 && cd -P $0 || exit 1; i=$((i+1)); done'
    expect(spawnSync('sh', ['-c', deep, 'x'.repeat(200)], { cwd: join(dir(), 'rootfs') }).status).toBe(0)
    expect((await destroy(name)).stderr).toBe('')
    expect(left()).toEqual([])
    expect(readFileSync(precious, 'utf8')).toBe('still here')
  })

  test('what does not exist', async () => {
    expect(await destroy('nosuch')).toMatchObject({ code: 1, stderr: expect.stringContaining('Container is not defined') as string })
  })

  test('lxc.rootfs.managed = 0: the files stay, the container goes', async () => {
    const own = freshName('create')
    await must('create', '-P', lxcpath, '-q', '-n', own, '-t', 'busybox')
    writeFileSync(join(lxcpath, own, 'config'), `${config(own)}lxc.rootfs.managed = 0\n`)
    expect((await destroy(own)).code).toBe(0)
    expect(readdirSync(join(lxcpath, own))).toEqual(['rootfs', 'storage.json'])
    expect(existsSync(join(lxcpath, own, 'rootfs/bin/busybox'))).toBe(true)
    spawnSync('umount', [join(lxcpath, own, 'rootfs')])
    spawnSync('chattr', ['-i', join(lxcpath, own, 'rootfs')])
    rmSync(join(lxcpath, own), { recursive: true })
  })
})
