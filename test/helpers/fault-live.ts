/** The walk through a running snapshot: one container that runs all the while; whatever happens to the command, it must go on. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from './e2e.ts'
import type { Lane } from './fault-lane.ts'
import { describe, faultOptions, honest, isFor, isKnown, judge, type Ends, type Mode, type Operation, type Walk, isTurn } from './fault-walk.ts'
import { differences } from './storage-state.ts'

export const LIVE: Operation = {
  name: 'live snapshot',
  from: 'live',
  command: ['tlxc-snapshot', '-n', 'c1', '--name', 'live'],
  next: [['tlxc-snapshot', '-n', 'c1', '-d', 'nothing-of-this-name']],
}

/** From disk "base": a container that runs one program of this machine, and has something to copy. */
export async function prepareLive(lane: Lane): Promise<void> {
  lane.load('base')
  const root = join(lane.lxcpath, 'c1/rootfs')
  await lane.must('tlxc-checkconfig', '--storage')
  mkdirSync(join(root, 'bin'))
  writeFileSync(join(root, 'bin/busybox'), '')
  appendFileSync(join(lane.lxcpath, 'c1/config'), 'lxc.mount.entry = /bin/busybox bin/busybox none bind,ro\nlxc.init.cmd = /bin/busybox sleep 1000000\n')
  lane.save('live')
}

export async function startLive(lane: Lane): Promise<void> {
  lane.load('live')
  await lane.must('tlxc-start', '-n', 'c1')
  lane.running.add('c1')
  // What the container made while it started would be its own loss.
  execFileSync('sync', ['-f', lane.lxcpath])
}

export async function stopLive(lane: Lane): Promise<void> {
  if (lane.running.has('c1')) await lane.must('tlxc-stop', '-n', 'c1', '-k')
  lane.running.delete('c1')
}

export async function learnLive(lane: Lane): Promise<Ends> {
  const before = await lane.state()
  const { result, calls } = await lane.fault([], command())
  if (result.code !== 0) throw new Error(`${LIVE.name} ended with ${result.code}:\n${result.stderr}`)
  const after = await lane.state()
  if (after.leaks.length > 0) throw new Error(`${LIVE.name} leaks without any fault:\n${after.leaks.join('\n')}`)
  await lane.must('tlxc-snapshot', '-n', 'c1', '-d', 'live')
  return { before, after, calls }
}

/** Every mode but the power cuts. */
export async function walkLive(lane: Lane, ends: Ends, mode: Mode): Promise<Walk> {
  const started = performance.now()
  const problems: string[] = []
  let points = 0
  for (let n = 1; ; n++) {
    const expected = ends.calls[n - 1]
    if (expected && (!isFor(expected, mode) || isKnown(ends.calls, n, mode) || !isTurn(n, mode))) continue
    const { result, calls } = await lane.fault(faultOptions(mode, n, expected), command())
    if (calls.length < n) {
      if (result.code === 0) await lane.must('tlxc-snapshot', '-n', 'c1', '-d', 'live')
      break
    }
    points++
    const where = describe(LIVE, mode, n, calls[n - 1])
    await eventually(`${where}: the container is thawed`, async () => (await lane.must('tlxc-info', '-n', 'c1', '-sH')).trim() === 'RUNNING', 3_000).catch((error: unknown) =>
      problems.push(String(error)))
    if (mode === 'fail' || mode === 'full') problems.push(...honest(result).map((problem) => `${where}: ${problem}`))
    await judge(lane, LIVE, ends, { where, problems, done: result.code === 0, isKilled: mode.startsWith('kill') })
    if ((await lane.state()).trees.has('c1/live')) await lane.must('tlxc-snapshot', '-n', 'c1', '-d', 'live')
    problems.push(...differences(ends.before, await lane.state()).slice(0, 3).map((problem) => `${where}, snapshot destroyed: ${problem}`))
  }
  return { operation: LIVE.name, mode, points, problems, ms: Math.round(performance.now() - started) }
}

/** The disk at each call of a snapshot of the running container; judged afterwards, without it. */
export async function cutLive(lane: Lane, ends: Ends, mode: Mode): Promise<Walk> {
  const started = performance.now()
  const problems: string[] = []
  await startLive(lane)
  const { calls, images } = await lane.cut(command(), { commit: mode === 'cut-commit' })
  await stopLive(lane)
  for (const [n, image] of images) {
    if (!isTurn(n, mode)) continue
    lane.boot(image)
    await judge(lane, LIVE, ends, { where: describe(LIVE, mode, n, calls[n - 1]), problems, done: false, isKilled: true })
  }
  lane.off()
  return { operation: LIVE.name, mode, points: images.size, problems, ms: Math.round(performance.now() - started) }
}

function command(): readonly string[] {
  return typeof LIVE.command === 'function' ? [] : LIVE.command
}
