/** An ephemeral clone whose monitor was killed, or that a power cut stopped: it goes with the next clone or check, and nothing else ever does. */
import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makePaths, runDir } from '../../src/host/paths.ts'
import { eventually, freshName, leavesNothing, must as mustRun, repoRoot, tlxc as run, type Result } from '../helpers/e2e.ts'
import { mountsBelow } from '../helpers/loop-fs.ts'

// Of its own: what its pool holds is counted.
const lxcpath = mkdtempSync('/var/tmp/tlxc-eph-')
chmodSync(lxcpath, 0o755)
const must = (program: string, ...args: string[]): Promise<string> => mustRun(program, '-P', lxcpath, ...args)
const tlxc = (program: string, ...args: string[]): Promise<Result> => run(program, '-P', lxcpath, ...args)
const paths = makePaths(join(repoRoot, 'build/prefix'), process.env['TLXC_ROOT'])
const configOf = (name: string): string => join(lxcpath, name, 'config')
const names = (): string[] => readdirSync(lxcpath).filter((name) => !name.startsWith('.')).sort()
const entries = (): string[] => readdirSync(join(lxcpath, '.pool')).filter((name) => name !== 'meta').sort()
const CLEAN = `${lxcpath}: nothing wrong\n`
const origin = freshName('eph')

beforeAll(async () => {
  await must('create', '-q', '-n', origin, '-t', 'busybox')
  appendFileSync(configOf(origin), 'lxc.net.0.type = empty\n')
})
afterAll(async () => {
  for (const name of names()) await must('destroy', '-f', '-s', '--purge', '-n', name)
  await must('destroy', '--empty-trash')
  expect(entries()).toEqual([])
  rmSync(lxcpath, { recursive: true })
})

const nameIn = (text: string): string => /^Created (\S+) as clone/.exec(text)?.[1] ?? ''
const clone = async (...options: string[]): Promise<string> => nameIn(await must('copy', '-n', origin, '-e', ...options))
const state = (name: string): { monitor_pid: number; init_pid: number } => JSON.parse(readFileSync(join(runDir(paths, lxcpath, name), 'state.json'), 'utf8')) as { monitor_pid: number; init_pid: number }
const isDead = (pid: number): boolean => !existsSync(`/proc/${pid}`)

async function killMonitor(name: string): Promise<void> {
  const { monitor_pid: pid } = state(name)
  process.kill(pid, 'SIGKILL')
  await eventually('the monitor is dead', () => Promise.resolve(isDead(pid)))
}

/** What is there after the power came back: the disk. */
async function cutPower(name: string): Promise<void> {
  const { init_pid: init } = state(name)
  await killMonitor(name)
  if (!isDead(init)) process.kill(init, 'SIGKILL')
  await eventually('init is dead', () => Promise.resolve(isDead(init)))
  await run('info', '-P', lxcpath, '-n', name)
  for (const path of mountsBelow(join(lxcpath, name))) execFileSync('umount', ['-l', path])
  rmSync(runDir(paths, lxcpath, name), { recursive: true, force: true })
}

describe('its monitor was killed', () => {
  test.each([['on the disk', []], ['in memory', ['-t']]])('%s: looking destroys nothing, the check tells it and destroys it', async (_, options) => {
    const before = entries()
    const name = await clone(...options)
    await killMonitor(name)
    expect((await must('ls', '-1')).split('\n')).toContain(name)
    expect(await must('info', '-n', name, '-sH')).toBe('STOPPED\n')
    const looked = await tlxc('checkconfig', '--storage', '--dry-run')
    expect([looked.code, looked.stdout]).toEqual([1, `found: ${name}: it was to vanish when it stopped\n`])
    expect(names()).toContain(name)
    const { storage } = JSON.parse(await must('checkconfig', '--storage', '--json')) as { storage: object[] }
    expect(storage).toEqual([{ kind: 'ephemeral', subject: name, message: 'it was to vanish when it stopped', mended: true }])
    expect(names()).toEqual([origin])
    // A clone seals what its original had.
    expect(entries().filter((entry) => !before.includes(entry)).length).toBeLessThanOrEqual(1)
    expect(existsSync(join(lxcpath, origin, 'lxc_snapshots'))).toBe(false)
    expect((await tlxc('checkconfig', '--storage')).stdout).toBe(CLEAN)
    await leavesNothing(name)
  })

  test('the next clone destroys it, nobody having looked, with its clones and snapshots in its way', async () => {
    const name = await clone()
    await must('snapshot', '-n', name)
    await must('copy', '-n', name, '-N', `${name}-kept`, '-s', '-a')
    await killMonitor(name)
    const { code, stdout, stderr } = await tlxc('copy', '-n', origin, '-e')
    expect([code, stderr]).toEqual([0, expect.stringContaining(`${name} is ephemeral and had stopped, but was still there: destroyed it`)])
    // The clone that somebody made of it has the word in its configuration, and was never started.
    expect(names()).toEqual([origin, `${name}-kept`, nameIn(stdout)].sort())
    await leavesNothing(name)
    await must('stop', '-k', '-n', nameIn(stdout))
    await eventually('it is gone', () => Promise.resolve(!names().includes(nameIn(stdout))))
    await must('destroy', '--purge', '-n', `${name}-kept`)
  })

  test('who uses its files keeps it, and nobody from a clone; the next one tries again', async () => {
    const name = await clone()
    await killMonitor(name)
    // Its files are shown again, and somebody sits in them.
    await must('snapshot', '-n', name)
    const held = join(lxcpath, name, 'rootfs/root/held')
    const holder = spawn('sh', ['-c', `exec 9>>${held}; exec sleep 60`], { stdio: 'ignore' })
    await eventually('it is held', () => Promise.resolve(existsSync(held)))
    try {
      const { code, stdout, stderr } = await tlxc('copy', '-n', origin, '-e')
      expect([code, stderr]).toEqual([0, expect.stringContaining(`${name} is ephemeral and has stopped, but could not be destroyed: `)])
      await must('stop', '-k', '-n', nameIn(stdout))
    } finally {
      holder.kill()
    }
    await eventually('the others are gone', () => Promise.resolve(names().length === 2))
    await must('checkconfig', '--storage')
    expect(names()).toEqual([origin])
  })
})

test('the power was cut: the check of the boot destroys it', async () => {
  const name = await clone()
  await cutPower(name)
  const found = await tlxc('checkconfig', '--storage')
  expect([found.code, found.stdout]).toEqual([0, `mended: ${name}: it was to vanish when it stopped\n`])
  expect(names()).toEqual([origin])
})

describe('what stays', () => {
  const staysAfter = async (name: string): Promise<void> => {
    await tlxc('checkconfig', '--storage')
    const other = await clone()
    expect(names()).toContain(name)
    await must('stop', '-k', '-n', other)
    await eventually('the other is gone', () => Promise.resolve(!names().includes(other)))
  }

  test('one that runs', async () => {
    const name = await clone()
    await staysAfter(name)
    expect(await must('info', '-n', name, '-sH')).toBe('RUNNING\n')
    await must('stop', '-k', '-n', name)
    await eventually('it is gone', () => Promise.resolve(!names().includes(name)))
  })

  test('one that was never started, or whose start failed', async () => {
    const name = `${origin}-new`
    await must('copy', '-n', origin, '-N', name, '-s')
    appendFileSync(configOf(name), 'lxc.ephemeral = 1\n')
    await staysAfter(name)
    expect((await tlxc('start', '-n', name, '-s', 'lxc.rootfs.path=dir:/nowhere')).code).not.toBe(0)
    await staysAfter(name)
    await must('destroy', '-n', name)
  })

  test('one that is ephemeral for one start only; one that is to be kept by now; one with another name by now', async () => {
    const once = `${origin}-once`
    await must('copy', '-n', origin, '-N', once, '-s')
    await must('start', '-n', once, '-s', 'lxc.ephemeral=1')
    const [kept, renamed] = [await clone(), await clone()]
    for (const name of [once, kept, renamed]) await killMonitor(name)
    writeFileSync(configOf(kept), readFileSync(configOf(kept), 'utf8').replace(/^lxc\.ephemeral.*$/m, 'lxc.ephemeral = 0'))
    await must('copy', '-n', renamed, '-R', '-N', `${renamed}-r`)
    for (const name of [once, kept, `${renamed}-r`]) await staysAfter(name)
    // Started as one that stays: what it was before does not count any more.
    await must('start', '-n', kept)
    await must('stop', '-k', '-n', kept)
    appendFileSync(configOf(kept), 'lxc.ephemeral = 1\n')
    await staysAfter(kept)
    for (const name of [once, kept, `${renamed}-r`]) await must('destroy', '-n', name)
  })

  test('one of -D', async () => {
    const name = await clone('-D')
    await killMonitor(name)
    await staysAfter(name)
    await must('destroy', '-n', name)
  })

  test('one that a command is working on, until that is done', async () => {
    const name = await clone()
    await killMonitor(name)
    const lock = join(runDir(paths, lxcpath, name), '../.locks', name)
    const start = readFileSync('/proc/self/stat', 'utf8').replace(/^.*\) /, '').split(' ')[19] ?? ''
    mkdirSync(lock, { recursive: true })
    writeFileSync(join(lock, `${process.pid}-${start}`), 'something')
    const other = await clone()
    expect(names()).toContain(name)
    rmSync(lock, { recursive: true })
    await must('stop', '-k', '-n', other)
    await must('checkconfig', '--storage')
    await eventually('both are gone', () => Promise.resolve(names().length === 1))
  })

  test('one whose last hook is still at its files', async () => {
    const [ready, go] = [join(lxcpath, '.ready'), join(lxcpath, '.go')]
    const hook = join(lxcpath, '.hook')
    writeFileSync(hook, `#!/bin/sh\ntouch ${ready}\nwhile [ ! -e ${go} ]; do sleep 0.05; done\n`, { mode: 0o755 })
    const before = readFileSync(configOf(origin), 'utf8')
    appendFileSync(configOf(origin), `lxc.hook.post-stop = ${hook}\n`)
    const name = await clone()
    writeFileSync(configOf(origin), before)
    await must('stop', '-k', '-n', name)
    await eventually('the hook runs', () => Promise.resolve(existsSync(ready)))
    expect(await must('info', '-n', name, '-sH')).toBe('STOPPED\n')
    await staysAfter(name)
    writeFileSync(go, '')
    await eventually('it is gone', () => Promise.resolve(!names().includes(name)))
    for (const file of [ready, go, hook]) rmSync(file)
  })
})
