/** What a hostile container root, and another user of the host, must not reach. */
import { mkdirSync, readFileSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshName, must, run, tlxc, leavesNothing } from '../helpers/e2e.ts'

/** By a shell: setpriv itself still has capabilities when it looks for the program that it runs. */
const asNobody = (...argv: string[]): ReturnType<typeof run> =>
  run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'sh', '-c', 'exec "$@"', 'sh', ...argv])

describe('an unprivileged container', () => {
  const name = freshName('sec')
  const dir = (): string => join(process.env['TLXC_ROOT'] ?? '', 'var/lib/tlxc', name)

  beforeAll(async () => {
    await must('create', '-q', '-n', name, '-t', 'busybox')
    await must('start', '-n', name)
  })
  afterAll(async () => {
    await tlxc('destroy', '-f', '-n', name)
    await leavesNothing(name)
  })

  test('a set-uid file of its root is set-uid 0 on disk, and no other user can reach it', async () => {
    await must('attach', '-n', name, '--', 'sh', '-c', 'cp /bin/busybox /root-shell && chmod 4755 /root-shell')
    const file = join(dir(), 'rootfs/root-shell')
    expect(statSync(file).mode & 0o4777).toBe(0o4755)
    expect(statSync(dir()).mode & 0o777).toBe(0o700)
    expect((await asNobody(file, 'id')).code).not.toBe(0)
    expect((await asNobody('ls', dir())).code).not.toBe(0)
  })

  test('the run directory is closed to others, and its socket too', async () => {
    const found = (await run('find', [join(process.env['TLXC_ROOT'] ?? '', 'run/tlxc'), '-name', 'command'])).stdout.trim().split('\n')
    expect(found.length).toBeGreaterThan(0)
    for (const socket of found) expect((await asNobody('ls', '-l', socket)).code).not.toBe(0)
  })

  test('no program of the host can be reached through /proc/self/exe (CVE-2019-5736)', async () => {
    const exe = await must('attach', '-n', name, '--', 'readlink', '/proc/self/exe')
    expect(exe).toMatch(/busybox/)
    const write = await tlxc('attach', '-n', name, '--', 'sh', '-c', 'for p in /proc/[0-9]*; do readlink $p/exe; done')
    expect(write.stdout).not.toMatch(/libexec|prefix/)
  })

  test('attach leaks no descriptor', async () => {
    const fds = (await must('attach', '-n', name, '--', 'ls', '/proc/self/fd')).trim().split(/\s+/)
    // 0, 1, 2 and the directory that ls itself has open.
    expect(fds.sort()).toEqual(['0', '1', '2', '3'])
  })

  test('init has no descriptor but its own', async () => {
    const pid = (await must('info', '-n', name, '-pH')).trim()
    const links = (await run('ls', ['-l', `/proc/${pid}/fd`])).stdout
    expect(links).not.toMatch(/\/run\/tlxc|socket:|memfd|\/var\//)
  })

  test('kernel modules, raw host devices and sysrq are out of reach', async () => {
    expect((await tlxc('attach', '-n', name, '--', 'mknod', '/dev/sda-try', 'b', '8', '0')).code).not.toBe(0)
    expect((await tlxc('attach', '-n', name, '--', 'sh', '-c', 'echo h > /proc/sysrq-trigger')).code).not.toBe(0)
    expect((await tlxc('attach', '-n', name, '--', 'sh', '-c', 'echo 1 > /proc/sys/kernel/panic')).code).not.toBe(0)
  })

  test('its mounts do not reach the host', async () => {
    await must('attach', '-n', name, '--', 'sh', '-c', 'mkdir -p /mnt/x && mount -t tmpfs hostile /mnt/x')
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain('hostile')
  })

  test('a bound host directory shows root-owned files as the mapped owner says', async () => {
    const shared = join(process.env['TLXC_ROOT'] ?? '', 'shared')
    mkdirSync(shared, { mode: 0o755 })
    await must('stop', '-k', '-n', name)
    await must('start', '-n', name, '-s', `lxc.mount.entry=${shared} mnt none bind,ro,create=dir 0 0`)
    expect((await tlxc('attach', '-n', name, '--', 'touch', '/mnt/x')).code).not.toBe(0)
    expect(await must('attach', '-n', name, '--', 'stat', '-c', '%u', '/mnt')).toBe('65534\n')
  })
})

/** As systemd has all mounts of a host: shared, so that mounts on a copy of it appear there, too. */
const sharedOnHost = (): string => join(process.env['TLXC_ROOT'] ?? '', 'shared-on-host')
const targetsOnHost = (): string[] => {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return lines.map((line) => line.split(' ')[4] ?? '').filter((at) => at.startsWith(sharedOnHost()))
}

describe.each([
  { kind: 'an unprivileged', options: [] },
  { kind: 'a privileged', options: ['--privileged'] },
])('a shared mount of the host, bound into $kind container', ({ options }) => {
  const name = freshName('peer')
  beforeAll(async () => {
    mkdirSync(sharedOnHost())
    expect((await run('mount', ['-t', 'tmpfs', '-o', 'mode=777', 'tlxc-test', sharedOnHost()])).code).toBe(0)
    expect((await run('mount', ['--make-shared', sharedOnHost()])).code).toBe(0)
    for (const sub of ['sub', 'later']) mkdirSync(join(sharedOnHost(), sub), { mode: 0o777 })
    expect((await run('mount', ['-t', 'tmpfs', 'tlxc-test', join(sharedOnHost(), 'sub')])).code).toBe(0)
    await must('create', '-q', '-n', name, '-t', 'busybox', ...options)
    await must('start', '-n', name, ...['bind', 'rbind', 'rbind,rshared', 'rbind,ro'].flatMap((how, i) =>
      ['-s', `lxc.mount.entry=${sharedOnHost()} mnt/${i} none ${how},create=dir 0 0`]))
  })
  afterAll(async () => {
    await tlxc('destroy', '-f', '-n', name)
    await run('umount', ['-R', sharedOnHost()])
    rmdirSync(sharedOnHost())
    await leavesNothing(name)
  })

  test('shows nothing of what the container mounts on its bind of it', async () => {
    const before = targetsOnHost()
    for (const i of [0, 1, 2, 3]) await must('attach', '-n', name, '--', 'mount', '-t', 'tmpfs', 'hostile', `/mnt/${i}/later`)
    expect(targetsOnHost()).toEqual(before)
  })

  test('loses nothing that the container unmounts', async () => {
    // In a user namespace what came with a bind is locked; without one it can be unmounted, and must be so here only.
    for (const i of [1, 2, 3]) await tlxc('attach', '-n', name, '--', 'umount', `/mnt/${i}/sub`)
    expect(targetsOnHost()).toEqual([sharedOnHost(), join(sharedOnHost(), 'sub')])
  })

  test('hands in what the host mounts there later, as with LXC', async () => {
    mkdirSync(join(sharedOnHost(), 'new'))
    expect((await run('mount', ['-t', 'tmpfs', 'from-the-host', join(sharedOnHost(), 'new')])).code).toBe(0)
    const inside = await must('attach', '-n', name, '--', 'cat', '/proc/mounts')
    for (const i of [0, 1, 2, 3]) expect(inside).toContain(`from-the-host /mnt/${i}/new `)
  })
})

describe('a privileged container', () => {
  const name = freshName('priv')
  beforeAll(async () => {
    await must('create', '-q', '-n', name, '-t', 'busybox', '--privileged')
    await must('start', '-n', name)
  })
  afterAll(async () => {
    await tlxc('destroy', '-f', '-n', name)
    await leavesNothing(name)
  })

  test('has the bounding set of its configuration, and no more', async () => {
    const status = await must('attach', '-n', name, '--', 'cat', '/proc/self/status')
    const bounding = BigInt(`0x${/^CapBnd:\s+(\w+)/m.exec(status)?.[1] ?? '0'}`)
    const sysModule = 1n << 16n
    const sysTime = 1n << 25n
    expect(bounding & (sysModule | sysTime)).toBe(0n)
  })

  test('may not open a block device that the device rules do not name', async () => {
    const result = await tlxc('attach', '-n', name, '--', 'sh', '-c', 'mknod /dev/try b 254 0 && head -c 1 /dev/try')
    expect(result.code).not.toBe(0)
  })
})
