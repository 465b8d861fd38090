/** Bad input: one line that says what is wrong and where, one that says the mend; LXC's exit code; nothing left behind, nothing lost. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binDir, freshName, must, run, tlxc, traces, leavesNothing, type Result } from '../helpers/e2e.ts'

const lxcpath = (): string => join(process.env['TLXC_ROOT'] ?? '', 'var/lib/tlxc')

/** The shape of every user error: no stack, one or two lines, each of them ours. */
function isUserError(result: Result, cause: RegExp, code = 1): void {
  expect(result.stderr).toMatch(cause)
  expect(result.stderr).not.toMatch(/\n\s+at /)
  expect(result.stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(3)
  expect(result.code).toBe(code)
}

describe('options and names', () => {
  test.each([
    ['unknown option', ['--frobnicate', '-n', 'x'], /frobnicate/],
    ['missing name', [], /No container name specified/],
    ['name with a slash', ['-n', 'a/b'], /a\/b/],
    ['name ..', ['-n', '..'], /\.\./],
    ['name with a blank', ['-n', 'a b'], /a b/],
    ['name too long', ['-n', 'x'.repeat(65)], /64/],
  ])('%s', async (_what, args, cause) => {
    for (const program of ['start', 'stop', 'info', 'destroy', 'freeze', 'attach', 'console']) {
      isUserError(await tlxc(program, ...args), cause)
    }
    isUserError(await tlxc('create', '-t', 'busybox', ...args), cause)
  })

  test('a name that is not defined', async () => {
    isUserError(await tlxc('info', '-n', 'nosuch'), /nosuch/)
    isUserError(await tlxc('destroy', '-n', 'nosuch'), /not defined/)
    isUserError(await tlxc('start', '-n', 'nosuch'), /nosuch/)
    isUserError(await tlxc('attach', '-n', 'nosuch', '--', 'true'), /nosuch/)
  })

  test('stop: combinations that contradict each other', async () => {
    for (const args of [['-k', '--nokill'], ['-k', '-r'], ['-k', '-t', '5'], ['--nolock']]) {
      isUserError(await tlxc('stop', '-n', 'x', ...args), /./)
    }
  })
})

describe('create', () => {
  beforeAll(() => {
    mkdirSync(lxcpath(), { recursive: true, mode: 0o700 })
  })
  const left = (name: string): boolean => existsSync(join(lxcpath(), name)) || traces(name).length > 0

  test('a missing template, with those that exist', async () => {
    const name = freshName('bad')
    isUserError(await tlxc('create', '-n', name, '-t', 'bussybox'), /bussybox/)
    expect((await tlxc('create', '-n', name, '-t', 'bussybox')).stderr).toContain('busybox')
    expect(left(name)).toBe(false)
  })

  test('a template that fails midway leaves nothing, and its last words are shown', async () => {
    const name = freshName('bad')
    const template = join(lxcpath(), '../failing-template')
    writeFileSync(template, '#!/bin/sh\nfor a; do case $a in --rootfs=*) mkdir -p "${a#--rootfs=}/etc";; esac; done\necho half way >&2\nexit 3\n')
    chmodSync(template, 0o755)
    const result = await tlxc('create', '-n', name, '-t', template)
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/half way[\s\S]*3/)
    expect(left(name)).toBe(false)
  })

  test('an unknown storage type', async () => {
    const name = freshName('bad')
    isUserError(await tlxc('create', '-n', name, '-t', 'busybox', '-B', 'floppy'), /floppy/)
    expect(left(name)).toBe(false)
  })

  test('an existing name', async () => {
    const name = freshName('bad')
    await must('create', '-q', '-n', name, '-t', 'busybox')
    const before = readFileSync(join(lxcpath(), name, 'config'), 'utf8')
    isUserError(await tlxc('create', '-n', name, '-t', 'busybox'), /exists/)
    expect(readFileSync(join(lxcpath(), name, 'config'), 'utf8')).toBe(before)
    await must('destroy', '-n', name)
  })

  test('a killed create is cleaned up by the next one', async () => {
    const name = freshName('bad')
    const template = join(lxcpath(), '../slow-template')
    writeFileSync(template, '#!/bin/sh\nfor a; do case $a in --rootfs=*) mkdir -p "${a#--rootfs=}/etc"; : >"${a#--rootfs=}/etc/mark";; esac; done\nexec sleep 30\n')
    chmodSync(template, 0o755)
    const pending = run(join(binDir, 'tlxc-create'), ['-n', name, '-t', template], { timeoutMs: 1500 })
    expect((await pending).signal).toBe('SIGKILL')
    expect((await must('ls', '-1')).split('\n')).not.toContain(name)
    await must('create', '-q', '-n', name, '-t', 'busybox')
    expect(existsSync(join(lxcpath(), name, 'rootfs/etc/mark'))).toBe(false)
    await must('destroy', '-n', name)
  })

  test('no id range left', async () => {
    const name = freshName('bad')
    const root = mkdtempSync('/var/tmp/tlxc-noid-')
    mkdirSync(join(root, 'etc/tlxc'), { recursive: true })
    writeFileSync(join(root, 'etc/tlxc/tlxc.conf'), '')
    isUserError(await run(join(binDir, 'tlxc-create'), ['-n', name, '-t', 'busybox'], { env: { TLXC_ROOT: root } }), /subuid|id range/i)
    expect(existsSync(join(root, 'var/lib/tlxc', name))).toBe(false)
    rmSync(root, { recursive: true })
  })

  test('a full disk', async () => {
    const dir = mkdtempSync('/var/tmp/tlxc-full-')
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'none', dir])
    try {
      const result = await tlxc('create', '-P', dir, '-n', 'full', '-t', 'busybox')
      expect(result.code).toBe(1)
      expect(result.stderr).toMatch(/space|full/i)
      expect(readdirSync(dir).filter((entry) => !entry.startsWith('.'))).toEqual([])
    } finally {
      spawnSync('umount', [dir])
      rmSync(dir, { recursive: true })
    }
  })

  test('without root: a clear word', async () => {
    const result = await run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', join(binDir, 'tlxc-create'), '-n', 'x', '-t', 'busybox'])
    isUserError(result, /root/)
  })
})

describe('start', () => {
  const name = freshName('badstart')
  const config = (): string => join(lxcpath(), name, 'config')
  let good = ''

  beforeAll(async () => {
    await must('create', '-q', '-n', name, '-t', 'busybox')
    good = readFileSync(config(), 'utf8')
  })
  afterAll(async () => {
    await must('destroy', '-f', '-n', name)
    await leavesNothing(name)
  })

  test.each([
    ['an unknown key', 'lxc.utsname.x = y\n', /config:\d+/],
    ['a key with a typo gets a suggestion', 'lxc.uts.nam = y\n', /lxc\.uts\.name/],
    ['a line without =', 'lxc.uts.name\n', /config:\d+/],
    ['a missing bridge', 'lxc.net =\nlxc.net.0.type = veth\nlxc.net.0.link = nosuchbr0\n', /nosuchbr0/],
    ['a missing include', 'lxc.include = /nosuch/file.conf\n', /nosuch\/file\.conf/],
    ['an init that is not there', 'lxc.init.cmd = /sbin/nosuchinit\n', /nosuchinit/],
    ['an init that exits at once', 'lxc.init.cmd = /bin/false\n', /init/],
    ['a mount source that is not there', 'lxc.mount.entry = /nosuchsource mnt none bind,create=dir 0 0\n', /nosuchsource/],
    ['a filesystem that cannot be id-mapped', 'lxc.mount.entry = /proc mnt none bind,idmap=container,create=dir 0 0\n', /"\/proc on mnt \(.*config:\d+\)" cannot be id-mapped/],
    ['a hook that fails', 'lxc.hook.pre-start = /bin/false\n', /hook|pre-start/],
    ['a namespace file that is not there', 'lxc.namespace.share.net = nosuchcontainer\n', /nosuchcontainer/],
    ['a profile that is not there', 'lxc.seccomp.profile = /nosuch.seccomp\n', /nosuch\.seccomp/],
  ])('%s', async (_what, lines, cause) => {
    writeFileSync(config(), good + lines)
    const result = await tlxc('start', '-n', name)
    expect(result.stderr).toMatch(cause)
    expect(result.stderr).not.toMatch(/\n\s+at /)
    expect(result.code).toBe(1)
    expect(await tlxc('info', '-n', name, '-sH').then((r) => r.stdout || r.stderr)).not.toContain('RUNNING')
    writeFileSync(config(), good)
    await leavesNothing(name)
  })

  test('a rootfs without init', async () => {
    const empty = mkdtempSync('/var/tmp/tlxc-empty-')
    writeFileSync(config(), `${good}lxc.rootfs.path = dir:${empty}\nlxc.mount.auto =\nlxc.mount.entry =\n`)
    isUserError(await tlxc('start', '-n', name), /init/)
    writeFileSync(config(), good)
    rmSync(empty, { recursive: true })
    await leavesNothing(name)
  })

  test('a symbolic link at a mount target (CVE-2015-1335)', async () => {
    const root = join(lxcpath(), name, 'rootfs')
    spawnSync('ln', ['-sfn', '/etc', join(root, 'trap')])
    writeFileSync(config(), `${good}lxc.mount.entry = tmpfs trap/x tmpfs create=dir 0 0\n`)
    isUserError(await tlxc('start', '-n', name), /trap/)
    expect(existsSync('/etc/x')).toBe(false)
    writeFileSync(config(), good)
    rmSync(join(root, 'trap'))
    await leavesNothing(name)
  })

  test('an unreadable configuration', async () => {
    rmSync(config())
    mkdirSync(config())
    expect((await tlxc('start', '-n', name)).code).toBe(1)
    rmSync(config(), { recursive: true })
    writeFileSync(config(), good)
  })

  test('from a real-time shell: cgroup v1 may refuse that, and then the mend works', async () => {
    const realTime = (program: string, ...args: string[]): Promise<Result> => run('chrt', ['--fifo', '1', join(binDir, `tlxc-${program}`), ...args])
    const started = await realTime('start', '-n', name)
    if (started.code !== 0) {
      isUserError(started, /real-time[^]*: chrt --other 0 tlxc-start/)
      await leavesNothing(name)
      expect((await run('chrt', ['--fifo', '1', 'chrt', '--other', '0', join(binDir, 'tlxc-start'), name])).code).toBe(0)
      isUserError(await realTime('attach', '-n', name, '--', 'true'), /cgroup[^]*chrt --other 0/)
    }
    await must('stop', '-k', '-n', name)
  })

  test('after all that it starts', async () => {
    await must('start', '-n', name)
    await must('stop', '-k', '-n', name)
  })
})
