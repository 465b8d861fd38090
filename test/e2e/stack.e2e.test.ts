/** A monitor whose plan has a stack of layers as root; the plan is that of an ordinary start, changed. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makePaths, runDir } from '../../src/host/paths.ts'
import type { Plan, Report, StorageReport, StorageStep } from '../../src/protocol/generated.ts'
import { eventually, freshName, leavesNothing, must, reboot, repoRoot, run, tlxc } from '../helpers/e2e.ts'

const UPPER = 'u00001'
const paths = (): ReturnType<typeof makePaths> => makePaths(join(repoRoot, 'build/prefix'), process.env['TLXC_ROOT'])

async function storage(...steps: StorageStep[]): Promise<StorageReport> {
  const { stdout } = await run(join(paths().libexec, 'storage'), [JSON.stringify({ version: 1, steps })])
  return JSON.parse(stdout) as StorageReport
}

describe.each([
  ['unprivileged', []],
  ['privileged', ['--privileged']],
])('%s', (kind, options) => {
  const name = freshName('stack')
  // Without an id map the view's superblock is the container's root, and keeps its name.
  const shares = kind === 'privileged'
  const stopped = shares ? /nosuid,nodev.* - overlay tlxc[-:]/ : /nosuid,nodev.* - overlay tlxc-view/
  let plan: Plan
  let pool = ''
  let view = ''
  let dir = ''

  beforeAll(async () => {
    await must('create', '-q', '-n', name, '-t', 'busybox', '-B', 'dir', ...options)
    await must('start', '-n', name, '-s', 'lxc.net=')
    dir = runDir(paths(), paths().lxcpath, name)
    plan = JSON.parse(readFileSync(join(dir, 'plan.json'), 'utf8')) as Plan
    await must('stop', '-k', '-n', name)
    await leavesNothing(name)
    const base = join(paths().lxcpath, name)
    view = join(base, 'rootfs')
    pool = join(base, 'pool')
    // As systemd has all mounts: whatever propagates would show.
    execFileSync('mount', ['--bind', base, base])
    execFileSync('mount', ['--make-shared', base])
    mkdirSync(pool, { mode: 0o700 })
    renameSync(view, join(pool, 'base01'))
    mkdirSync(view, { mode: 0o700 })
    mkdirSync(join(pool, 'mid01'))
    chmodSync(join(pool, 'mid01'), 0o755)
    writeFileSync(join(pool, 'mid01', 'middle'), 'from the middle\n')
    expect(await storage({ op: 'upper', pool, name: UPPER, lowers: ['mid01', 'base01'] })).toMatchObject({ ok: true })
  })
  afterEach(async () => {
    await tlxc('stop', '-k', '-n', name)
    expect(await unmount()).toMatchObject({ ok: true })
  })
  afterAll(async () => {
    execFileSync('umount', [join(paths().lxcpath, name)])
    rmSync(pool, { recursive: true })
    await must('destroy', '-f', '-n', name)
    await leavesNothing(name)
  })

  const unmount = (): Promise<StorageReport> => storage({ op: 'unmount', path: view, pool, upper: UPPER })
  const attach = (script: string): Promise<string> => must('attach', '-n', name, '--', 'sh', '-c', script)
  const mountOf = (path: string): string => readFileSync('/proc/self/mountinfo', 'utf8').split('\n').find((line) => line.includes(` ${path} `)) ?? ''
  const owner = (path: string): number => statSync(path).uid

  async function start(change: (plan: Plan) => void = () => undefined): Promise<Report> {
    const changed = structuredClone(plan)
    changed.rootfs = { ...changed.rootfs, path: view, overlay: { pool, lowers: ['mid01', 'base01'], upper: UPPER, volatile: false, memory: false, view } }
    change(changed)
    mkdirSync(dir, { mode: 0o700, recursive: true })
    writeFileSync(join(dir, 'plan.json'), JSON.stringify(changed))
    // as the report's descriptor: stdout is replaced by /dev/null when it daemonizes
    const child = spawn(join(paths().libexec, 'monitor'), ['--plan', join(dir, 'plan.json'), '--report-fd', '3'], { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] })
    let text = ''
    for await (const chunk of child.stdio[3] as AsyncIterable<Buffer>) text += chunk.toString()
    return JSON.parse(text) as Report
  }

  /** Something on the host that uses the view. */
  async function hold(script: string): Promise<ChildProcess> {
    const child = spawn('sh', ['-c', `${script}; echo ready; exec sleep 100`], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => child.stdout?.once('data', resolve))
    return child
  }

  test('the container sees the layers, and what it writes is unshifted on the disk', async () => {
    expect(await start()).toMatchObject({ ok: true })
    expect(await attach('cat /middle; echo new >/root/file; touch /owned; chown 7:8 /owned; rm /etc/group; mv /home /moved')).toBe('from the middle\n')
    const up = join(pool, UPPER, 'up')
    expect(owner(join(up, 'root/file'))).toBe(0)
    expect(owner(join(up, 'owned'))).toBe(7)
    expect(statSync(join(up, 'etc/group')).isCharacterDevice()).toBe(true)
    // The host sees the container's own mount, and cannot be tricked by its set-uid files.
    expect(owner(join(view, 'root/file'))).toBe(plan.idmap[0]?.host ?? 0)
    expect(mountOf(view)).toMatch(/nosuid,nodev.* - overlay tlxc:/)
    expect(mountOf(view)).not.toMatch(/shared:/)
    expect(readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(`/${name}/`))).toHaveLength(1)
    // Once: not at the view's path, too.
    expect(Number(await attach('grep -c " - overlay " /proc/self/mountinfo'))).toBe(1)

    await must('stop', '-k', '-n', name)
    expect(mountOf(view)).toMatch(stopped)
    expect(owner(join(view, 'root/file'))).toBe(0)
    expect(owner(join(view, 'owned'))).toBe(7)
    expect(existsSync(join(view, 'etc/group'))).toBe(false)
    expect(existsSync(join(view, 'moved'))).toBe(true)
  })

  test('a reboot goes on with the same superblock', async () => {
    await start()
    const before = statSync(view).dev
    await attach('echo kept >/kept')
    await reboot(name)
    // writable too: a privileged init has remounted its root read-only when it went
    expect(await attach('cat /kept; echo more >>/kept; cat /kept')).toBe('kept\nkept\nmore\n')
    expect(statSync(view).dev).toBe(before)
    // set-uid works inside as before, though the view from which the root was taken is nosuid
    expect(await attach('grep " / / " /proc/self/mountinfo')).not.toMatch(/nosuid/)
  })

  test('a view that somebody took away is there again after a reboot', async () => {
    const { init_pid: before } = await start()
    await attach('echo kept >/kept')
    execFileSync('umount', [view])
    await tlxc('attach', '-n', name, '--', 'reboot', '-f')
    await eventually('another init', async () => {
      const now = Number(await tlxc('info', '-n', name, '-pH').then(({ stdout }) => stdout))
      return now > 0 && now !== before && (await must('info', '-n', name, '-sH')).trim() === 'RUNNING'
    })
    expect(await attach('cat /kept')).toBe('kept\n')
    expect(mountOf(view)).toMatch(/ - overlay tlxc:/)
  })

  if (shares) test('without an id map one superblock stays: who works in the view goes on while it starts, runs and stops', async () => {
    expect(await storage({ op: 'mount', path: view, pool, lowers: ['mid01', 'base01'], upper: UPPER })).toMatchObject({ ok: true })
    const { dev } = statSync(view)
    const writer = await hold(`exec 9>>${view}/root/log; echo before >&9`)
    expect(await start()).toMatchObject({ ok: true })
    expect(statSync(view).dev).toBe(dev)
    expect(mountOf(view)).toMatch(/nosuid,nodev.* - overlay tlxc-view/)
    expect(await attach('cat /root/log; echo during >>/root/log; grep -c " - overlay " /proc/self/mountinfo')).toBe('before\n1\n')
    expect(await attach('grep " / / " /proc/self/mountinfo')).not.toMatch(/nosuid|nodev/)
    writer.kill('SIGKILL')
    // As an init that shuts down leaves it.
    await eventually('read-only', async () => (await tlxc('attach', '-n', name, '--', 'mount', '-o', 'remount,ro', '/')).code === 0)
    await must('stop', '-k', '-n', name)
    expect(statSync(view).dev).toBe(dev)
    writeFileSync(join(view, 'root/log'), 'after\n', { flag: 'a' })
    expect(readFileSync(join(view, 'root/log'), 'utf8')).toBe('before\nduring\nafter\n')
  })

  if (shares) test('a view of other layers is not taken for its root', async () => {
    expect(await storage({ op: 'mount', path: view, pool, lowers: ['base01'], upper: UPPER })).toMatchObject({ ok: true })
    expect(await start()).toMatchObject({ ok: true })
    expect(await attach('cat /middle')).toBe('from the middle\n')
  })

  if (!shares) test('while somebody of the host writes in the view it does not start, and names who; afterwards it takes the view away itself', async () => {
    expect(await storage({ op: 'mount', path: view, pool, lowers: ['mid01', 'base01'], upper: UPPER })).toMatchObject({ ok: true })
    const writer = await hold(`exec 9>>${view}/root/file`)
    expect(await start()).toMatchObject({ ok: false, code: 'rootfs', detail: expect.stringContaining(`process ${writer.pid ?? 0} (s`) as string })
    await leavesNothingRunning()
    expect(mountOf(view)).toMatch(/tlxc-view/)
    writer.kill()
    await new Promise((resolve) => writer.once('exit', resolve))
    expect(await start()).toMatchObject({ ok: true })
    expect(mountOf(view)).toMatch(/ - overlay tlxc:/)
    await must('stop', '-k', '-n', name)
    expect(mountOf(view)).toMatch(/tlxc-view/)
  })

  test('a start that fails leaves the view of the host', async () => {
    expect(await start((p) => (p.init.argv = ['/does/not/exist']))).toMatchObject({ ok: false, code: 'init' })
    await leavesNothingRunning()
    expect(mountOf(view)).toMatch(stopped)
  })

  test('a stack without its layer does not start, and says so', async () => {
    const report = await start((p) => (p.rootfs.overlay!.lowers = ['gone01']))
    expect(report).toMatchObject({ ok: false, code: 'rootfs', syscall: 'mount', errno: 2 })
    await leavesNothingRunning()
    expect(mountOf(view)).toBe('')
  })

  test('a view that is no directory: the start says that', async () => {
    rmSync(view, { recursive: true })
    writeFileSync(view, '')
    try {
      expect(await start()).toMatchObject({ ok: false, code: 'rootfs', errno: 20 })
      await leavesNothingRunning()
    } finally {
      rmSync(view)
      mkdirSync(view, { mode: 0o700 })
    }
  })

  test('the view of a killed monitor is cleaned up', async () => {
    const { monitor_pid: pid } = await start()
    process.kill(pid!, 'SIGKILL')
    await eventually('it is dead', () => Promise.resolve(!existsSync(`/proc/${pid}`)))
    expect(mountOf(view)).toMatch(/tlxc:/)
    execFileSync(join(paths().libexec, 'monitor'), ['--cleanup', dir])
    expect(mountOf(view)).toBe('')
    expect(existsSync(dir)).toBe(false)
    expect(await storage({ op: 'probe', pool, upper: UPPER })).toMatchObject({ ok: true })
  })

  test('who only looks at the files does not hinder a stop', async () => {
    await start()
    const reader = await hold(`cd ${view}`)
    await must('stop', '-k', '-n', name)
    expect(mountOf(view)).toMatch(stopped)
    expect(readFileSync(join(view, 'middle'), 'utf8')).toBe('from the middle\n')
    reader.kill('SIGKILL')
  })

  if (!shares) test('over who writes into the files nothing is mounted, and the next command names him', async () => {
    await start()
    await attach('touch /written')
    const writer = await hold(`exec 5>>${view}/written`)
    await must('stop', '-k', '-n', name)
    expect(mountOf(view)).toMatch(/tlxc:/)
    const refused = await unmount()
    expect(refused).toMatchObject({ ok: false, errno: 16, busy: [{ pid: writer.pid, what: `open ${view}/written` }] })
    expect(await start()).toMatchObject({ ok: false, code: 'rootfs' })
    writer.kill('SIGKILL')
    await eventually('it can be unmounted', async () => (await unmount()).ok)
  })

  test('a copy of its view in another mount namespace (a template that runs for long) does not hinder the next start', async () => {
    await start()
    const holder = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', 'echo ready; exec sleep 100'], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => holder.stdout.once('data', resolve))
    await must('stop', '-k', '-n', name)
    expect(await unmount()).toMatchObject({ ok: true, outcomes: ['detached-readonly'] })
    expect(await start()).toMatchObject({ ok: true })
    expect(await attach('echo x >/after && cat /after')).toBe('x\n')
    holder.kill('SIGKILL')
  })

  if (!shares) test('over a copy of its view in which somebody writes nothing is mounted, and the next start names him', async () => {
    await start()
    await attach('touch /written')
    const script = `exec 5>>${view}/written; echo ready; exec sleep 100`
    const holder = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => holder.stdout.once('data', resolve))
    await must('stop', '-k', '-n', name)
    expect(mountOf(view)).toBe('')
    expect(await start()).toMatchObject({ ok: false, code: 'rootfs', detail: expect.stringContaining(`process ${holder.pid ?? 0} (`) as string })
    holder.kill('SIGKILL')
    await eventually('it is free', async () => (await unmount()).ok)
  })

  test('the root of a running container is left alone, and named', async () => {
    const { init_pid: pid } = await start()
    expect(await unmount()).toMatchObject({ ok: false, errno: 16, busy: [{ pid, what: `running in tlxc:${name}` }] })
    expect(await attach('echo x >/still && cat /still')).toBe('x\n')
  })

  test('an ephemeral one is volatile, reboots, and leaves no view', async () => {
    await start((p) => (p.rootfs.overlay!.volatile = true))
    expect(await attach('cat /proc/self/mountinfo')).toMatch(/ \/ \/ .*volatile/)
    await reboot(name)
    await must('stop', '-k', '-n', name)
    expect(mountOf(view)).toBe('')
    // started again after all, for example because the machine crashed before it was deleted
    expect(await start((p) => (p.rootfs.overlay!.volatile = true))).toMatchObject({ ok: true })
    await must('stop', '-k', '-n', name)
    expect(await storage({ op: 'workdir', pool, name: UPPER })).toMatchObject({ ok: true })
  })

  /** The view may stay. */
  async function leavesNothingRunning(): Promise<void> {
    await eventually('the run directory goes', () => Promise.resolve(!existsSync(dir)))
  }
})
