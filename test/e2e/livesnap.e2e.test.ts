/** Snapshots of a container that writes all the time, frozen by its own monitor. */
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makePaths, runDir } from '../../src/host/paths.ts'
import { PROTOCOL_VERSION, type LivesnapReport } from '../../src/protocol/generated.ts'
import { freshName, leavesNothing, must, repoRoot, run } from '../helpers/e2e.ts'

const name = freshName('livesnap')
const paths = makePaths(join(repoRoot, 'build/prefix'), process.env['TLXC_ROOT'])
const work = join(paths.lxcpath, `.${name}`)

/** Each number is in `first` before it is in `second`; mv, because an empty file is not half written. */
const WRITER = 'i=0; while :; do i=$((i+1)); echo $i > /t; mv /t /first; echo $i > /t; mv /t /second; done'

beforeAll(async () => {
  await must('create', '-q', '-n', name, '-t', 'busybox', '-B', 'dir')
  mkdirSync(work, { mode: 0o700 })
  await must('start', '-n', name, '-s', 'lxc.net=')
  await must('attach', '-n', name, '--', 'sh', '-c', `(${WRITER}) > /dev/null 2>&1 < /dev/null &`)
})
afterAll(async () => {
  rmSync(work, { recursive: true, force: true })
  await must('destroy', '-f', '-n', name)
  await leavesNothing(name)
})

const numberIn = (layer: string, file: string): number => Number(readFileSync(join(work, layer, file), 'utf8'))
const manifest = (layer: string): string => join(work, `${layer}.files`)

async function snapshot(layer: string, base: string | null): Promise<LivesnapReport> {
  const request = {
    version: PROTOCOL_VERSION, upper: join(paths.lxcpath, name, 'rootfs'), out: join(work, layer), manifest: manifest(layer), base_manifest: base,
    socket: `${runDir(paths, paths.lxcpath, name)}/command`, lease_ms: 5_000, memory_budget: 64 << 20, threads: 2, passes: 3,
  }
  const { stdout } = await run(join(paths.libexec, 'livesnap'), [JSON.stringify(request)])
  return JSON.parse(stdout) as LivesnapReport
}

test('what is written one after the other is in the snapshot one after the other', async () => {
  for (let i = 0; i < 5; i++) {
    const layer = `full${i}`
    const report = await snapshot(layer, null)
    expect(report).toMatchObject({ ok: true, delta: false })
    expect(report.frozen_us).toBeGreaterThan(0)
    const ahead = numberIn(layer, 'first') - numberIn(layer, 'second')
    expect([0, 1]).toContain(ahead)
    expect((await must('info', '-n', name, '-sH')).trim()).toBe('RUNNING')
  }
})

test('the next one is what changed since, and only that', async () => {
  expect(await snapshot('one', null)).toMatchObject({ ok: true })
  await must('attach', '-n', name, '--', 'rm', '/etc/group')
  const report = await snapshot('two', manifest('one'))
  // /etc/group; and t, when the one before was taken between two moves and this one was not
  const moved = existsSync(join(work, 'one/t')) && lstatSync(join(work, 'two/t'), { throwIfNoEntry: false })?.isCharacterDevice() === true
  expect(report).toMatchObject({ ok: true, delta: true, removed: moved ? 2 : 1 })
  // first, second, and t between two moves
  expect(report.files).toBeLessThanOrEqual(3)
  expect(numberIn('two', 'first')).toBeGreaterThan(numberIn('one', 'first'))
})
