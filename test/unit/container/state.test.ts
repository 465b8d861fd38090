import * as fs from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lockPath } from '../../../src/container/lock.ts'
import { containerStatus } from '../../../src/container/state.ts'
import { containerAt, type Container } from '../../../src/container/store.ts'
import { makeStatus, startFakeMonitor } from '../../helpers/fake-monitor.ts'
import { makeTempHost } from '../../helpers/temp-host.ts'

describe('containerStatus', () => {
  let host: ReturnType<typeof makeTempHost>
  let c1: Container
  const messages: string[] = []
  const onKilled = (message: string): void => void messages.push(message)

  beforeEach(() => {
    host = makeTempHost()
    c1 = containerAt(host, `${host.root}/lxc`, 'c1')
    messages.length = 0
  })
  afterEach(() => host.dispose())

  /** What a monitor with that pid leaves when it is killed: a socket nobody listens on, and state.json. */
  async function leaveRunDir(monitorPid: number, monitorStart: number): Promise<void> {
    const monitor = await startFakeMonitor(`${c1.runDir}.tmp`, 'RUNNING')
    fs.renameSync(`${c1.runDir}.tmp`, c1.runDir)
    await monitor.close()
    const status = makeStatus('c1', c1.lxcpath, { monitor_pid: monitorPid, monitor_start: monitorStart })
    fs.writeFileSync(`${c1.runDir}/state.json`, JSON.stringify(status))
    const proc = `${host.root}/proc/4000`
    fs.mkdirSync(proc, { recursive: true })
    fs.writeFileSync(`${proc}/stat`, `4000 (tlxc ) mon) S ${'0 '.repeat(18)}77 0 0\n`)
  }

  it('is null without a run directory', async () => {
    expect(await containerStatus(host, c1)).toBeNull()
    expect(host.ran).toEqual([])
  })

  it('is what the monitor says, with addresses only when asked', async () => {
    const monitor = await startFakeMonitor(c1.runDir, 'FROZEN')
    expect((await containerStatus(host, c1, { addresses: true }))?.state).toBe('FROZEN')
    expect(monitor.requests).toEqual([{ version: 1, op: 'status', addresses: true }])
    await monitor.close()
  })

  it('cleans up after a killed monitor, says so, and is null', async () => {
    await leaveRunDir(4000, 76)
    host.onExec = () => {
      fs.rmSync(c1.runDir, { recursive: true })
      return {}
    }
    expect(await containerStatus(host, c1, { onKilled })).toBeNull()
    expect(host.ran).toEqual([[`${host.paths.libexec}/monitor`, '--cleanup', c1.runDir]])
    expect(messages).toEqual(['the monitor of c1 was killed; cleaned up after it'])
  })

  it('takes what was left by a killed start away without a word', async () => {
    fs.mkdirSync(c1.runDir, { recursive: true })
    fs.writeFileSync(`${c1.runDir}/plan.json`, '{}')
    expect(await containerStatus(host, c1, { onKilled })).toBeNull()
    expect(host.ran).toHaveLength(1)
    expect(messages).toEqual([])
  })

  it('leaves a start in progress alone', async () => {
    fs.mkdirSync(c1.runDir, { recursive: true })
    host.foreignLocks.add(lockPath(host, c1))
    expect(await containerStatus(host, c1)).toBeNull()
    expect(host.ran).toEqual([])
  })

  it('gives the noted state of a monitor that lives but does not listen', async () => {
    await leaveRunDir(4000, 77)
    expect((await containerStatus(host, c1))?.state).toBe('RUNNING')
    expect(host.ran).toEqual([])
  })

  it('fails when the clean-up fails', async () => {
    await leaveRunDir(4000, 76)
    host.onExec = () => ({ exitCode: 111, stderr: 'x\ncannot remove cgroup\n' })
    await expect(containerStatus(host, c1)).rejects.toThrow(/cannot clean up after the killed monitor of "c1": cannot remove cgroup/)
  })

  it('lets a field be that a newer monitor has, and refuses a reply that lacks one or has a wrong one', async () => {
    const status = makeStatus('c1', '/l')
    for (const [change, reason] of [[{ surprise: 1 }, null], [{ ttys: 'two' }, /Status|status.ttys: not uint/], [{ state: undefined }, /status.state/]] as const) {
      const monitor = await startFakeMonitor(c1.runDir, 'RUNNING', () => ({ status: { ...status, ...change } as never }))
      if (reason === null) expect(await containerStatus(host, c1)).toMatchObject({ name: 'c1' })
      else await expect(containerStatus(host, c1)).rejects.toThrow(reason)
      await monitor.close()
    }
  })
})
