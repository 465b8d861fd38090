import * as fs from 'node:fs'
import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { containerAt } from '../../../src/container/store.ts'
import { eventsDir } from '../../../src/host/paths.ts'
import { makeStatus, startFakeMonitor, type FakeMonitor } from '../../helpers/fake-monitor.ts'
import { makeFakeHost, runInProcess, type FakeHost } from '../../helpers/run-program.ts'

describe('commands that look at containers', () => {
  let host: FakeHost
  let monitor: FakeMonitor | null = null
  /** What attach answers. */
  let inner: { exitCode?: number; stdout?: string; stderr?: string } = {}
  const dir = (name: string): string => `${host.paths.lxcpath}/${name}`
  const runDir = (name: string): string => containerAt(host, host.paths.lxcpath, name).runDir

  function define(name: string, config: string): void {
    fs.mkdirSync(dir(name), { recursive: true })
    fs.writeFileSync(`${dir(name)}/config`, config)
  }

  beforeEach(() => {
    host = makeFakeHost({
      onExec: ({ file, args }) => {
        if (file === 'mkfifo') execFileSync(file, [...args])
        return file.endsWith('/attach') ? inner : {}
      },
    })
    define('web', 'lxc.include = ../missing\nlxc.start.auto = 1\nlxc.group = g1 onboot\nlxc.idmap = u 0 100000 65536\n')
    define('a', 'lxc.group = x\nlxc.group =\n')
    fs.mkdirSync(dir('.dot'))
    fs.mkdirSync(dir('empty'))
  })
  afterEach(async () => {
    await monitor?.close()
    monitor = null
    host.remove()
  })

  async function runWeb(answer?: Parameters<typeof startFakeMonitor>[2]): Promise<FakeMonitor> {
    const payload = `${host.root}/cg`
    fs.mkdirSync(payload, { recursive: true })
    fs.writeFileSync(`${payload}/memory.usage_in_bytes`, '1396736\n')
    fs.writeFileSync(`${payload}/cpuacct.usage`, '6536591\n')
    fs.writeFileSync(`${payload}/blkio.throttle.io_service_bytes`, '8:0 Read 0\nTotal 0\n')
    fs.writeFileSync(`${payload}/memory.kmem.usage_in_bytes`, '356352\n')
    const address = (family: number, text: string, scope = 0): object => ({ family, address: text, prefix: 24, scope })
    const status = makeStatus('web', host.paths.lxcpath, {
      cgroups: [{ version: 1, controllers: ['memory', 'cpuacct', 'blkio'], payload, init: payload, monitor: '/' }],
      interfaces: [
        { name: 'lo', addresses: [address(4, '127.0.0.1')] as never, rx_bytes: 0, tx_bytes: 0 },
        { name: 'eth0', host_name: 'vethA', addresses: [address(4, '10.0.3.5'), address(6, 'fd00::5'), address(6, 'fe80::1', 253)] as never, rx_bytes: 2048, tx_bytes: 100 },
      ],
    })
    monitor = await startFakeMonitor(runDir('web'), status, answer)
    return monitor
  }

  it('ls: the table of lxc-ls -f', async () => {
    await runWeb()
    const { stdout } = await runInProcess(host, 'tlxc-ls', ['-f'])
    expect(stdout).toBe(
      'NAME STATE   AUTOSTART GROUPS     IPV4     IPV6    UNPRIVILEGED \n' +
        'a    STOPPED 0         -          -        -       false        \n' +
        'web  RUNNING 1         g1, onboot 10.0.3.5 fd00::5 true         \n',
    )
  })

  it('ls: plain, filtered, of a state, of all groups; a bad column', async () => {
    await runWeb()
    expect((await runInProcess(host, 'tlxc-ls', [])).stdout).toBe('a   \nweb \n')
    expect((await runInProcess(host, 'tlxc-ls', ['-1', '^w'])).stdout).toBe('web\n')
    expect((await runInProcess(host, 'tlxc-ls', ['-1', '--stopped'])).stdout).toBe('a\n')
    expect((await runInProcess(host, 'tlxc-ls', ['-1', '-g', 'onboot,g1'])).stdout).toBe('web\n')
    expect((await runInProcess(host, 'tlxc-ls', ['-1', '-g', 'onb'])).stdout).toBe('')
    expect(await runInProcess(host, 'tlxc-ls', ['-f', '-F', 'ipv4,bad'])).toEqual({ exitCode: 0, stdout: '', stderr: 'Invalid key: bad\n' })
  })

  it('ls --nesting: asks the tlxc-ls of a running container, and believes only what can be a container', async () => {
    await runWeb()
    const one = { name: 'in1', parents: [], state: 'RUNNING', pid: 12, ram_bytes: 1048576, swap_bytes: 0, autostart: true, groups: ['g', 'x\u001b[2J'], interfaces: ['eth0'], ipv4: ['10.1.1.1'], ipv6: [], unprivileged: true }
    const document = { schema: 'tlxc/ls/1', containers: [one, { ...one, name: 'deep', parents: ['in1'], state: 'STOPPED', pid: null }, { ...one, name: '../x' }, { ...one, state: 'X' }, { ...one, name: 'e\u001b' }, 7] }
    inner = { stdout: JSON.stringify(document) }
    const { stdout } = await runInProcess(host, 'tlxc-ls', ['-f', '--nesting=3', '-F', 'name,state,pid,groups,ipv4', 'in1|deep|web'])
    expect(stdout).toBe('NAME   STATE   PID  GROUPS     IPV4     \nweb    RUNNING 4001 g1, onboot 10.0.3.5 \n\\in1   RUNNING 12   g          10.1.1.1 \n\\\\deep STOPPED -    g          10.1.1.1 \n')
    const call = host.calls.find(({ file }) => file.endsWith('/attach'))
    expect(JSON.parse(call?.args[0] ?? '')).toMatchObject({ name: 'web', argv: ['tlxc-ls', '--json', '-P', host.paths.lxcpath, '--nesting=2'] })
    expect((await runInProcess(host, 'tlxc-ls', ['--nesting=3', '-1'])).stdout).toBe('a\nweb\nweb/in1\nweb/in1/deep\n')
  })

  it('ls --nesting: without a tlxc inside, by the files, and no link inside leads out', async () => {
    await runWeb()
    const within = `${dir('a')}/rootfs${host.paths.lxcpath}`
    fs.mkdirSync(`${within}/in2`, { recursive: true })
    fs.writeFileSync(`${within}/in2/config`, `lxc.include = ${dir('web')}/config\nlxc.group = inner\n`)
    fs.symlinkSync(dir('web'), `${within}/link`)
    fs.mkdirSync(`${within}/in3`)
    fs.symlinkSync(`${dir('web')}/config`, `${within}/in3/config`)
    inner = { exitCode: 127, stderr: 'tlxc-attach: web: cannot execute "tlxc-ls": No such file or directory' }
    expect(await runInProcess(host, 'tlxc-ls', ['-f', '-F', 'name,state,groups', '--nesting', '^[^w]'])).toEqual({ exitCode: 0, stderr: '', stdout: 'NAME STATE   GROUPS \na    STOPPED -      \n\\in2 STOPPED inner  \n' })
    inner = { exitCode: 1, stderr: 'no\u001b[2J' }
    expect((await runInProcess(host, 'tlxc-ls', ['-1', '--nesting'])).stderr).toContain('warning: cannot list the containers in web: no?[2J')
  })

  it('info: the lines of lxc-info, running, stopped, unknown', async () => {
    await runWeb()
    expect((await runInProcess(host, 'tlxc-info', ['web'])).stdout).toBe(
      'Name:           web\nState:          RUNNING\nPID:            4001\nIP:             10.0.3.5\nIP:             fd00::5\n' +
        'CPU use:        0.01 seconds\nBlkIO use:      0 bytes\nMemory use:     1.33 MiB\nKMem use:       348.00 KiB\n' +
        'Link:           vethA\n TX bytes:      100 bytes\n RX bytes:      2.00 KiB\n Total bytes:   2.10 KiB\n',
    )
    expect((await runInProcess(host, 'tlxc-info', ['-sH', 'web'])).stdout).toBe('RUNNING\n')
    expect(await runInProcess(host, 'tlxc-info', ['a'])).toEqual({ exitCode: 0, stdout: 'Name:           a\nState:          STOPPED\n', stderr: '' })
    const missing = await runInProcess(host, 'tlxc-info', ['nope'])
    expect([missing.exitCode, missing.stderr.split('\n')[0]]).toEqual([1, "tlxc-info: nope: nope doesn't exist"])
  })

  it('stop: exit code 2 for a stopped one; the combinations that lxc-stop refuses', async () => {
    expect((await runInProcess(host, 'tlxc-stop', ['a'])).exitCode).toBe(2)
    for (const bad of [['-k', '--nokill'], ['-k', '-r'], ['-k', '-t', '5'], ['--nolock'], ['-t', '-5'], ['-t', 'abc']]) {
      expect((await runInProcess(host, 'tlxc-stop', ['a', ...bad])).exitCode).toBe(1)
    }
  })

  it('stop: asks, waits until the monitor is gone; kills after the time', async () => {
    const fake = await runWeb((request, socket) => {
      if (request.op === 'kill') setTimeout(() => void fake.close().then(() => fs.rmSync(runDir('web'), { recursive: true })), 20)
      void socket
      return null
    })
    expect((await runInProcess(host, 'tlxc-stop', ['web', '-t', '1', '--nokill'])).exitCode).toBe(1)
    expect((await runInProcess(host, 'tlxc-stop', ['web', '-W'])).exitCode).toBe(0)
    expect((await runInProcess(host, 'tlxc-stop', ['web', '-k'])).exitCode).toBe(0)
    expect(fake.requests.map(({ op, signal }) => [op, signal ?? null])).toContainEqual(['signal', -1])
    monitor = null
  })

  it('wait: at once, in time, by an event', async () => {
    expect((await runInProcess(host, 'tlxc-wait', ['a', '-s', 'STOPPED'])).exitCode).toBe(0)
    expect((await runInProcess(host, 'tlxc-wait', ['a', '-s', 'RUNNING', '-t', '0'])).exitCode).toBe(1)
    expect((await runInProcess(host, 'tlxc-wait', ['a', '-s', 'running'])).exitCode).toBe(1)
    const waiting = runInProcess(host, 'tlxc-wait', ['a', '-s', 'FROZEN|RUNNING'])
    await writeEvents([{ name: 'b', state: 'RUNNING' }, { name: 'a', state: 'RUNNING' }])
    expect((await waiting).exitCode).toBe(0)
    expect(fs.readdirSync(eventsDir(host.paths, host.paths.lxcpath))).toEqual([])
  })

  it('monitor: the lines of lxc-monitor, and leaves when it is interrupted', async () => {
    const controller = new AbortController()
    const running = runInProcess(host, 'tlxc-monitor', ['-n', 'w.b'], { signal: controller.signal })
    await writeEvents([{ name: 'web', state: 'STARTING' }, { name: 'webs', state: 'STARTING' }, { name: 'web', exit_status: 768 }])
    await new Promise((resolve) => setTimeout(resolve, 500))
    controller.abort()
    expect(await running).toEqual({ exitCode: 0, stdout: "'web' changed state to [STARTING]\n'web' exited with status [3]\n", stderr: '' })
  })

  it('what a newer monitor tells does no harm: more fields are let be, unknown states skipped with a warning', async () => {
    const waiting = runInProcess(host, 'tlxc-wait', ['a', '-s', 'RUNNING'])
    await writeEvents([{ name: 'a', state: 'DREAMING' }, { name: 'a', state: 'RUNNING', colour: 'blue' }])
    const { exitCode, stderr } = await waiting
    expect(exitCode).toBe(0)
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining('warning: skipping an event that this version of tlxc does not know (Event.state')])
    await runWeb((request) => (request.op === 'status' ? { status: { ...makeStatus('web', host.paths.lxcpath), colour: 'blue' } as never } : null))
    expect((await runInProcess(host, 'tlxc-info', ['-sH', 'web'])).stdout).toBe('RUNNING\n')
  })

  it('a monitor of another protocol version: both versions and the mend', async () => {
    await runWeb(() => ({ ok: false, error: 'version', message: 'its monitor speaks protocol 2, this tlxc speaks 3' }))
    for (const words of [['tlxc-info', 'web'], ['tlxc-wait', 'web', '-s', 'STOPPED'], ['tlxc-freeze', 'web'], ['tlxc-stop', 'web']]) {
      const { exitCode, stderr } = await runInProcess(host, words[0] ?? '', words.slice(1))
      expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/"web": its monitor speaks protocol 2, this tlxc speaks 3\n.*hint: its monitor is of another version/)])
    }
  })

  it('--rcfile: must load wherever it is an option; gives stop its signals, info its values', async () => {
    const fake = await runWeb()
    const [good, bad] = [`${host.root}/good.conf`, `${host.root}/bad.conf`]
    fs.writeFileSync(good, 'lxc.signal.halt = SIGUSR1\nlxc.signal.reboot = 10\nlxc.uts.name = other\n')
    fs.writeFileSync(bad, 'lxc.nosuch = 1\n')
    const lines = ['freeze web', 'unfreeze web', 'stop -W web', 'wait web -s RUNNING', 'cgroup web memory.usage_in_bytes', 'info web', 'console web -t 0']
    for (const line of lines) {
      const [program = '', ...argv] = line.split(' ')
      for (const [file, message] of [[bad, 'bad.conf:1: lxc.nosuch'], [`${host.root}/missing`, 'there is no such file']] as const) {
        const { exitCode, stderr } = await runInProcess(host, `tlxc-${program}`, [...argv, '--rcfile', file])
        expect([line, exitCode, stderr]).toEqual([line, 1, expect.stringContaining(message)])
      }
    }
    expect(fake.requests.filter(({ op }) => op !== 'status')).toEqual([])
    for (const words of ['', '-r']) expect((await runInProcess(host, 'tlxc-stop', ['web', '-W', ...words.split(' ').filter(Boolean), '--rcfile', good])).exitCode).toBe(0)
    expect(fake.requests.flatMap(({ op, signal }) => (op === 'signal' ? [signal] : []))).toEqual([10, 10])
    expect((await runInProcess(host, 'tlxc-info', ['web', '-Hc', 'lxc.uts.name', '--rcfile', 'good.conf'])).stdout).toBe('other\n')
    for (const line of ['ls', 'autostart', 'monitor', 'checkconfig', 'config lxc.lxcpath', 'net show', 'create web']) {
      const [program = '', ...argv] = line.split(' ')
      expect(await runInProcess(host, `tlxc-${program}`, [...argv, '--rcfile', good])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('unrecognized option') as string })
    }
  })

  it('cgroup: reads, writes, refuses to leave the cgroup', async () => {
    await runWeb()
    expect((await runInProcess(host, 'tlxc-cgroup', ['web', 'memory.usage_in_bytes'])).stdout).toBe('1396736\n\n')
    expect((await runInProcess(host, 'tlxc-cgroup', ['web', 'memory.usage_in_bytes', '64M'])).exitCode).toBe(0)
    expect(fs.readFileSync(`${host.root}/cg/memory.usage_in_bytes`, 'utf8')).toContain('64M')
    for (const file of ['../x', 'memory/../../x', 'tasks', 'memory.bogus', 'pids.max']) {
      expect((await runInProcess(host, 'tlxc-cgroup', ['web', file])).exitCode).toBe(1)
    }
  })

  it('autostart -L: order, groups match exactly', async () => {
    expect((await runInProcess(host, 'tlxc-autostart', ['-L'])).stdout).toBe('')
    expect((await runInProcess(host, 'tlxc-autostart', ['-L', '-a'])).stdout).toBe('web 0\n')
    expect((await runInProcess(host, 'tlxc-autostart', ['-L', '-A', '-g', 'onboot,'])).stdout).toBe('web 0\na 0\n')
    expect((await runInProcess(host, 'tlxc-autostart', ['-L', '-A', '-g', 'onb'])).stdout).toBe('')
  })

  async function writeEvents(events: object[]): Promise<void> {
    const events_dir = eventsDir(host.paths, host.paths.lxcpath)
    while (!fs.existsSync(events_dir) || fs.readdirSync(events_dir).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    const [fifo = ''] = fs.readdirSync(events_dir)
    fs.appendFileSync(`${events_dir}/${fifo}`, events.map((event) => `${JSON.stringify({ lxcpath: host.paths.lxcpath, time: 1, ...event })}\n`).join(''))
  }
})
