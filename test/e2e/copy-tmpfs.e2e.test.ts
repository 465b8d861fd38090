/** tlxc-copy -e -t: what an ephemeral clone writes is in memory, its own, and goes with it, however it ends. */
import { appendFileSync, chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makePaths, runDir } from '../../src/host/paths.ts'
import { eventually, freshName, leavesNothing, reboot, must as mustRun, repoRoot, tlxc as run, type Result } from '../helpers/e2e.ts'

// Of its own: what its pool holds is counted.
const lxcpath = mkdtempSync('/var/tmp/tlxc-mem-')
chmodSync(lxcpath, 0o755)
const must = (program: string, ...args: string[]): Promise<string> => mustRun(program, '-P', lxcpath, ...args)
const tlxc = (program: string, ...args: string[]): Promise<Result> => run(program, '-P', lxcpath, ...args)
const paths = makePaths(join(repoRoot, 'build/prefix'), process.env['TLXC_ROOT'])
const pool = join(lxcpath, '.pool')
const configOf = (name: string): string => join(lxcpath, name, 'config')
const inside = (name: string, script: string): Promise<string> => must('attach', '-n', name, '--', 'sh', '-c', script)
const mountinfo = (): string => readFileSync('/proc/self/mountinfo', 'utf8')
const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))?.[1])
const check = async (...options: string[]): Promise<string> => (await tlxc('checkconfig', '--storage', ...options)).stdout
const CLEAN = `${lxcpath}: nothing wrong\n`
const made: string[] = []

async function make(...options: string[]): Promise<string> {
  const name = freshName('mem')
  await must('create', '-q', '-n', name, '-t', 'busybox', ...options)
  appendFileSync(configOf(name), 'lxc.net.0.type = empty\n')
  made.push(name)
  return name
}

const entries = (): string[] => readdirSync(pool).filter((name) => name !== 'meta').sort()
/** What the containers that stay refer to. */
const expected = (): string[] => {
  const stacks = made.filter((name) => existsSync(join(lxcpath, name, 'storage.json'))).map((name) => JSON.parse(readFileSync(join(lxcpath, name, 'storage.json'), 'utf8')) as { upper: string; lowers: string[] })
  return [...new Set(stacks.flatMap(({ upper, lowers }) => [upper, ...lowers]))].sort()
}

/** Ephemeral and in memory, running. */
async function clone(from: string, ...options: string[]): Promise<string> {
  const out = await must('copy', '-n', from, '-e', '-t', ...options)
  const [, name = ''] = /^Created (\S+) as clone of \S+\nContainer is placed on tmpfs\.\nStopping it will cause all changes made to it to be lost!\n$/.exec(out) ?? []
  expect(name).toMatch(new RegExp(`^${from}_\\w{6}$`))
  return name
}

const MEGABYTES = 200
/** Other tests may use shared memory, too; not so much at once. */
const shared = (since: number): number => (field('Shmem') - since) / 1024

afterAll(async () => {
  for (const name of made) await must('destroy', '-f', '-s', '--purge', '-n', name)
  expect(entries()).toEqual([])
  rmSync(lxcpath, { recursive: true })
})

describe.each([
  ['unprivileged', []],
  ['privileged', ['--privileged']],
])('%s', (_, options) => {
  let origin = ''
  beforeAll(async () => {
    origin = await make(...options)
  })

  test('it writes to memory: nothing reaches the disk, nobody else sees it', async () => {
    const name = await clone(origin)
    const { upper } = JSON.parse(readFileSync(join(lxcpath, name, 'storage.json'), 'utf8')) as { upper: string }
    const before = readdirSync(join(pool, upper, 'up'), { recursive: true }).sort()
    await inside(name, 'echo new >/root/file; touch /owned; chown 7:8 /owned; rm /etc/group; mv /home /moved; cp /bin/busybox /tmp/su; chmod 4755 /tmp/su')
    expect(await inside(name, 'cat /root/file; hostname; cat /etc/hostname; stat -c %u:%g /owned; ls -d /home /etc/group 2>/dev/null; stat -c %u:%a /tmp/su /root/file')).toBe(
      `new\n${name}\n${name}\n7:8\n0:4755\n0:644\n`)
    expect(readdirSync(join(pool, upper, 'up'), { recursive: true }).sort()).toEqual(before)
    expect(readdirSync(join(pool, upper, 'wk'))).toEqual(readdirSync(join(pool, upper, 'wk')).filter((entry) => entry === 'work'))
    // One mount of it on this machine, in a directory that only root enters; the tmpfs is mounted nowhere.
    expect(mountinfo().split('\n').filter((line) => line.includes(`/${name}/`)).map((line) => line.replace(/.* - /, '').split(' ').slice(0, 2).join(' '))).toEqual([`overlay tlxc:${name}`])
    expect(mountinfo()).not.toContain('tlxc-upper')
    expect(statSync(join(lxcpath, name)).mode & 0o077).toBe(0)
    expect(await inside(name, 'cat /proc/self/mountinfo')).not.toContain('tlxc-upper')
    // The kernel's own limit: half of the memory.
    const blocks = Number((await inside(name, 'df -Pk / | tail -n 1')).trim().split(/\s+/)[1])
    expect(blocks / field('MemTotal')).toBeCloseTo(0.5, 1)
    expect(await check('--dry-run')).toBe(CLEAN)
    await must('stop', '-k', '-n', name)
    await gone(name)
  })

  test('it boots again with what it had written', async () => {
    const name = await clone(origin)
    await inside(name, 'echo kept >/kept')
    await reboot(name, '-P', lxcpath)
    expect(await inside(name, 'cat /kept; echo more >>/kept; cat /kept')).toBe('kept\nkept\nmore\n')
    await must('stop', '-k', '-n', name)
    await gone(name)
  })

  test('it is held in memory and freed when it stops', async () => {
    const before = field('Shmem')
    const name = await clone(origin)
    await inside(name, `dd if=/dev/zero of=/big bs=1M count=${MEGABYTES} 2>/dev/null`)
    expect(shared(before)).toBeGreaterThan(MEGABYTES * 0.8)
    await must('stop', '-k', '-n', name)
    await gone(name)
    await eventually('the memory is free', () => Promise.resolve(shared(before) < MEGABYTES * 0.2))
  })

  test('a killed monitor: the next command frees it, and the check destroys the clone', async () => {
    const before = field('Shmem')
    const name = await clone(origin)
    await inside(name, `dd if=/dev/zero of=/big bs=1M count=${MEGABYTES} 2>/dev/null`)
    const state = JSON.parse(readFileSync(join(runDir(paths, lxcpath, name), 'state.json'), 'utf8')) as { monitor_pid: number }
    process.kill(state.monitor_pid, 'SIGKILL')
    await eventually('the monitor is dead', () => Promise.resolve(!existsSync(`/proc/${state.monitor_pid}`)))
    expect((await must('info', '-n', name, '-sH')).trim()).toBe('STOPPED')
    await eventually('the memory is free', () => Promise.resolve(shared(before) < MEGABYTES * 0.2))
    await check()
    expect(await check('--dry-run')).toBe(CLEAN)
    await gone(name)
  })

  test('what needs its files on disk says why it cannot', async () => {
    const name = await clone(origin)
    const words = new RegExp(`"${name}": what it changes lies in memory \\(tlxc-copy -t\\)\\n.*hint: `)
    expect(await tlxc('snapshot', '-n', name)).toMatchObject({ code: 1, stderr: expect.stringMatching(words) as string })
    expect(await tlxc('copy', '-n', name, '-N', `${name}-c`, '-s', '-a')).toMatchObject({ code: 1, stderr: expect.stringMatching(words) as string })
    expect(await tlxc('copy', '-n', name, '-N', `${name}-c`, '-a')).toMatchObject({ code: 1, stderr: expect.stringMatching(words) as string })
    expect(existsSync(join(lxcpath, `${name}-c`))).toBe(false)
    expect(await inside(name, 'echo on >/on; cat /on')).toBe('on\n')
    await must('stop', '-k', '-n', name)
    await gone(name)
  })

  /** Of the clone; nothing else of the pool went, and nothing stayed. */
  async function gone(name: string): Promise<void> {
    await eventually(`${name} is destroyed`, () => Promise.resolve(!existsSync(join(lxcpath, name))))
    await leavesNothing(name)
    await eventually('its upper is gone', () => Promise.resolve(entries().join() === expected().join()))
    expect(await check('--dry-run')).toBe(CLEAN)
  }
})

describe('what it takes', () => {
  test('a command runs in it, and its status is passed on', async () => {
    const origin = await make()
    const result = await tlxc('copy', '-n', origin, '-e', '-t', '-N', `${origin}-r`, 'sh', '-c', 'echo here >/file; cat /file; exit 7')
    expect([result.code, result.stdout]).toEqual([7, expect.stringMatching(/lost!\nhere\n$/)])
    await eventually('it is gone', () => Promise.resolve(!existsSync(join(lxcpath, `${origin}-r`))))
  })

  test('an overlay on a directory of this machine: written beside it, and gone with the clone', async () => {
    const origin = await make()
    const source = mkdtempSync('/var/tmp/tlxc-mem-src-')
    chmodSync(source, 0o777)
    appendFileSync(join(source, 'file'), 'below\n')
    const result = await tlxc('copy', '-n', origin, '-e', '-N', `${origin}-o`, '-m', `overlay=${source}:/srv/data`, 'sh', '-c', 'cd /srv/data && cat file && echo above >new && ls && stat -c %a .')
    expect([result.code, result.stderr, result.stdout.split('\n').slice(1)]).toEqual([0, '', ['below', 'file', 'new', '777', '']])
    expect(readdirSync(source)).toEqual(['file'])
    await eventually('it is gone', () => Promise.resolve(!existsSync(join(lxcpath, `${origin}-o`))))
    rmSync(source, { recursive: true })
  })

  test('only with -e, without -D, and of layers', async () => {
    const [origin, plain] = [await make(), await make('-B', 'dir')]
    const refuse = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await tlxc('copy', ...args)
      expect([code, stdout]).toEqual([1, ''])
      return stderr
    }
    const lxc = 'A container can only be placed on a tmpfs when the overlay storage driver is used\n'
    expect(await refuse('-n', origin, '-N', 'x', '-t')).toContain('--tmpfs means nothing without -e')
    expect(await refuse('-n', origin, '-e', '-t', '-D')).toContain('cannot keep what is on a tmpfs')
    expect(await refuse('-n', origin, '-e', '-t', '-B', 'dir')).toContain(lxc)
    expect(await refuse('-n', plain, '-e', '-t')).toContain(lxc)
    expect(readdirSync(lxcpath).filter((name) => name.startsWith(`${origin}_`) || name.startsWith(`${plain}_`))).toEqual([])
  })

  test('-B is no longer passed over: what shares files has the storage of its original', async () => {
    const origin = await make()
    for (const args of [['-e'], ['-s', '-N', `${origin}-x`]]) {
      expect(await tlxc('copy', '-n', origin, ...args, '-B', 'dir')).toMatchObject({ code: 1, stderr: expect.stringContaining('with storage dir: its own is overlay') as string })
    }
    expect(existsSync(join(lxcpath, `${origin}-x`))).toBe(false)
    await must('copy', '-n', origin, '-s', '-N', `${origin}-y`, '-B', 'overlay')
    made.push(`${origin}-y`)
  })

  test('a clone that does not start does not stay', async () => {
    const origin = await make()
    appendFileSync(configOf(origin), 'lxc.init.cmd = /does/not/exist\n')
    for (const options of [['-e'], ['-e', '-t']]) {
      const { code, stderr } = await tlxc('copy', '-n', origin, ...options, '-N', `${origin}-f`)
      expect([code, stderr]).toEqual([1, expect.stringContaining('/does/not/exist')])
      expect(existsSync(join(lxcpath, `${origin}-f`))).toBe(false)
    }
  })
})
