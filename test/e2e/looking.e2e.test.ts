/** What programs read: JSON of every command on real containers against its schema; nesting; freezing right after a start. */
import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binDir, eventually, freshName, leavesNothing, must, run, tlxc } from '../helpers/e2e.ts'
import { problemsOf } from '../helpers/json-schema.ts'

const root = process.env['TLXC_ROOT'] ?? ''
const lxcpath = join(root, '/var/lib/tlxc')

describe('documents of a running container', () => {
  const name = freshName('json')
  const lines: string[] = []
  let monitor: ReturnType<typeof spawn>

  beforeAll(async () => {
    monitor = spawn(join(binDir, 'tlxc-monitor'), ['--json', '-n', name], { stdio: ['ignore', 'pipe', 'ignore'] })
    monitor.stdout?.setEncoding('utf8').on('data', (text: string) => lines.push(...text.split('\n').filter((line) => line !== '')))
    await fits('create', '-q', '-t', 'busybox', name, '--json')
    appendFileSync(join(lxcpath, name, 'config'), 'lxc.group = g1\nlxc.start.auto = 1\nlxc.start.delay = 1\n')
  })
  afterAll(async () => {
    monitor.kill('SIGTERM')
    await tlxc('destroy', '-f', name)
    await leavesNothing(name)
  })

  async function fits(program: string, ...args: string[]): Promise<Record<string, unknown>> {
    const { code, stdout, stderr } = await tlxc(program, ...args)
    expect([code, stderr.split('\n').filter((line) => /error|internal/i.test(line))], stderr).toEqual([0, []])
    expect(problemsOf(stdout), stdout).toEqual([])
    return JSON.parse(stdout) as Record<string, unknown>
  }

  test('while it is stopped', async () => {
    expect(await fits('info', name, '--json')).toMatchObject({ state: 'STOPPED', pid: null })
    expect(await fits('start', name, '--explain')).toMatchObject({ name })
    expect(await fits('autostart', '-L', '-a', '--json')).toMatchObject({ action: 'start', containers: [{ name, delay_seconds: 1 }] })
    await fits('checkconfig', '--json')
    expect(await fits('checkconfig', name, '--json')).toMatchObject({ name, findings: [] })
    await fits('config', '--json')
    await fits('ls', '--json')
  })

  test('while it runs', async () => {
    expect(await fits('autostart', '-g', 'g1', '--json')).toMatchObject({ containers: [{ name, ok: true }] })
    expect(await fits('start', name, '--json')).toMatchObject({ result: 'already-running' })
    await eventually('an address', async () => ((await fits('info', name, '--json'))['ips'] as string[]).length > 0)
    const info = await fits('info', name, '--json', '-c', 'lxc.uts.name', '-c', 'lxc.nosuch')
    expect(info).toMatchObject({ state: 'RUNNING', config: { 'lxc.uts.name': name, 'lxc.nosuch': null }, interfaces: expect.arrayContaining([expect.objectContaining({ name: 'eth0' })]) as unknown })
    const list = (await fits('ls', '--json', '--running', name))['containers']
    expect(list).toMatchObject([{ name, state: 'RUNNING', pid: info['pid'], ipv4: info['ips'], groups: ['g1'], unprivileged: true }])
    await fits('wait', name, '-s', 'RUNNING', '--json')
    await fits('cgroup', name, 'pids.max', '--json')
    await fits('net', 'status', '--json')
    const { stderr, code } = await tlxc('destroy', name, '--json')
    expect([code, problemsOf(stderr)]).toEqual([1, []])
  })

  test('frozen, stopped, destroyed; and every event of it', async () => {
    await must('freeze', name)
    expect(await fits('info', name, '--json')).toMatchObject({ state: 'FROZEN' })
    await must('unfreeze', name)
    expect(await fits('autostart', '-k', '-g', 'g1', '--json')).toMatchObject({ action: 'kill', containers: [{ name, ok: true }] })
    await eventually('the last event', () => Promise.resolve(lines.some((line) => line.includes('STOPPED'))))
    expect(lines.flatMap(problemsOf)).toEqual([])
    const states = lines.map((line) => JSON.parse(line) as { state?: string; exit_status?: number }).map(({ state, exit_status }) => state ?? exit_status)
    expect(states).toEqual(['STARTING', 'RUNNING', 'FREEZING', 'FROZEN', 'THAWED', 'RUNNING', 0, 'STOPPING', 'STOPPED'])
    expect(await fits('destroy', name, '--json')).toMatchObject({ container: { name, kept: null } })
  })
})

describe('containers in containers', () => {
  const name = freshName('nest')
  const within = (path: string): string => join(lxcpath, name, 'rootfs', path)

  beforeAll(async () => {
    await must('create', '-q', '-t', 'busybox', name)
    mkdirSync(join(within(lxcpath), 'in1'), { recursive: true })
    writeFileSync(join(within(lxcpath), 'in1/config'), 'lxc.group = inner\n')
  })
  afterAll(async () => {
    await tlxc('destroy', '-f', name)
    await leavesNothing(name)
  })

  test('stopped, or without a tlxc inside: by the files', async () => {
    expect(await must('ls', '-1', '--nesting')).toContain(`${name}\n${name}/in1\n`)
    await must('start', name)
    expect(await must('ls', '-1', '--nesting')).toContain(`${name}\n${name}/in1\n`)
  })

  /** Not by its path on the host: root of the host has no id in the mount of a running container. */
  const putInside = async (path: string, text: string): Promise<void> => {
    const { code } = await run(join(binDir, 'tlxc-attach'), [name, '--', 'sh', '-c', 'mkdir -p "${0%/*}" && cat >"$0" && chmod 755 "$0"', path], { input: text })
    expect(code).toBe(0)
  }

  test('a tlxc inside is asked, in the container and with nothing of the environment outside', async () => {
    const inner = { name: 'in1', parents: [], state: 'RUNNING', pid: 17, ram_bytes: null, swap_bytes: null, autostart: false, groups: [], interfaces: ['eth0'], ipv4: ['10.9.8.7'], ipv6: [], unprivileged: false }
    const script = `#!/bin/sh\necho "$(hostname) $* $HOME" > /asked\necho '${JSON.stringify({ schema: 'tlxc/ls/1', containers: [inner] })}'\n`
    await putInside('/usr/local/bin/tlxc-ls', script)
    const table = await must('ls', '-f', '--nesting=2', '-F', 'name,state,pid,ipv4', '--running', 'in1')
    expect(table.split('\n')[1]).toMatch(/^\\in1 +RUNNING 17 +10\.9\.8\.7 $/)
    expect(await must('attach', name, '--', 'cat', '/asked')).toBe(`${name} --json -P ${lxcpath} --nesting=1 \n`)
  })

  test('one that does not answer does not keep the list, a frozen one is not asked', async () => {
    await must('freeze', name)
    expect(await must('ls', '-1', '--nesting')).toContain(`${name}/in1\n`)
    await must('unfreeze', name)
    await putInside('/usr/local/bin/tlxc-ls', '#!/bin/sh\ntrap : TERM\nwhile :; do sleep 1; done\n')
    const { code, stdout, stderr } = await tlxc('ls', '-1', '--nesting')
    expect([code, stdout, stderr]).toEqual([0, expect.stringContaining(`${name}/in1\n`), expect.stringContaining('does not answer')])
    await must('stop', '-k', name)
  })
})

describe.each(['cpu,memory,pids,freezer,devices', ''])('freezing right after the start, lxc.cgroup.use = %j', (controllers) => {
  const name = freshName('soon')

  test('twenty times, each within a second', async () => {
    await must('create', '-q', '-t', 'busybox', name)
    const conf = join(root, 'etc/tlxc/tlxc.conf')
    const { readFileSync } = await import('node:fs')
    const before = readFileSync(conf, 'utf8')
    if (controllers !== '') writeFileSync(conf, `lxc.cgroup.use = ${controllers}\n${before}`)
    try {
      for (let round = 0; round < 20; round++) {
        await must('start', name)
        const begin = Date.now()
        await must('freeze', name)
        expect(Date.now() - begin, `round ${round}`).toBeLessThan(5_000)
        expect(await must('info', name, '-sH')).toBe('FROZEN\n')
        await must('stop', '-k', name)
      }
    } finally {
      writeFileSync(conf, before)
      await tlxc('destroy', '-f', name)
    }
    await leavesNothing(name)
  })
})
