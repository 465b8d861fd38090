/** Many snapshots of one container, and clones of clones: they stay right, they start, and nothing of them is left at the end. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshName, leavesNothing, must } from '../helpers/e2e.ts'

const SNAPSHOTS = 200
const CLONES = 60
/** src/container/depth.ts merges beyond 32; the one that is being taken comes on top. */
const DEEPEST = 40

let scratch = ''
let lxcpath = ''
beforeAll(() => {
  scratch = mkdtempSync('/var/tmp/tlxc-depth-')
  // A container's root must be able to pass, and nothing more.
  lxcpath = join(scratch, 'lxc')
  mkdirSync(lxcpath, { mode: 0o711 })
})
afterAll(async () => {
  for (const name of names()) await must('destroy', '-P', lxcpath, '-f', '-s', '--purge', '-n', name)
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(scratch)
  rmSync(scratch, { recursive: true })
})

const names = (): string[] => readdirSync(lxcpath).filter((name) => !name.startsWith('.'))
const root = (name: string, path: string): string => join(lxcpath, name, 'rootfs', path)
const read = (name: string, path: string): string => readFileSync(root(name, path), 'utf8')
const layers = (name: string): number => (JSON.parse(readFileSync(join(lxcpath, name, 'storage.json'), 'utf8')) as { lowers: string[] }).lowers.length
const snapshot = (name: string, ...args: string[]): Promise<string> => must('snapshot', '-P', lxcpath, '-n', name, ...args)
const inside = (name: string, script: string): Promise<string> => must('attach', '-P', lxcpath, '-n', name, '--', 'sh', '-c', script)

async function make(): Promise<string> {
  const name = freshName('depth')
  await must('create', '-P', lxcpath, '-q', '-n', name, '-t', 'busybox')
  return name
}

async function start(name: string): Promise<void> {
  await must('start', '-P', lxcpath, '-n', name, '-s', 'lxc.net=')
}

async function stop(name: string): Promise<void> {
  await must('stop', '-P', lxcpath, '-k', '-n', name)
  await leavesNothing(name)
}

/** Everything goes: containers to the trash, the trash to nothing, and every layer with it. */
async function destroyAll(): Promise<void> {
  for (const name of names().reverse()) await must('destroy', '-P', lxcpath, '-s', '-n', name)
  expect(names()).toEqual([])
  await must('destroy', '-P', lxcpath, '--empty-trash')
  const pool = join(lxcpath, '.pool')
  expect([readdirSync(pool).filter((name) => name !== 'meta'), readdirSync(join(pool, 'meta'))]).toEqual([[], []])
}

test(`${SNAPSHOTS} snapshots of one container`, async () => {
  const name = await make()
  let deepest = 0
  const times: number[] = []
  for (let i = 0; i < SNAPSHOTS; i++) {
    // Each adds a file, removes one that a layer below has, and changes one.
    writeFileSync(root(name, `root/made${i}`), `${i}`)
    if (i > 0) rmSync(root(name, `root/made${i - 1}`))
    writeFileSync(root(name, 'etc/number'), `${i}\n`)
    const began = performance.now()
    await snapshot(name)
    times.push(performance.now() - began)
    deepest = Math.max(deepest, layers(name))
  }
  expect(deepest).toBeGreaterThan(20)
  expect(deepest).toBeLessThanOrEqual(DEEPEST)
  expect((await snapshot(name, '-L')).match(/^snap\d+ /gm)).toHaveLength(SNAPSHOTS)
  // The last take no longer than the first; compared with each other, so that a busy machine is the same to both.
  const median = (some: number[]): number => some.sort((a, b) => a - b)[some.length >> 1] ?? 0
  expect(median(times.slice(-40))).toBeLessThan(4 * median(times.slice(0, 40)))

  const newest = SNAPSHOTS - 1
  for (const i of [0, newest, SNAPSHOTS >> 1]) {
    await snapshot(name, '-r', `snap${i}`)
    expect([read(name, 'etc/number'), readdirSync(root(name, 'root')).filter((file) => file.startsWith('made')), read(name, `root/made${i}`)])
      .toEqual([`${i}\n`, [`made${i}`], `${i}`])
    await start(name)
    expect(await inside(name, `cat /etc/number; ls /root; echo new >/root/made${i}; cat /root/made${i}`)).toBe(`${i}\nmade${i}\nnew\n`)
    await stop(name)
  }
  // What was written after a restore changed no snapshot.
  await snapshot(name, '-r', `snap${newest}`)
  expect(read(name, `root/made${newest}`)).toBe(`${newest}`)
  await destroyAll()
})

test(`a clone of a clone, ${CLONES} deep`, async () => {
  const first = await make()
  const chain = [first]
  for (let i = 1; i <= CLONES; i++) {
    const name = `${first}-c${i}`
    await must('copy', '-P', lxcpath, '-n', chain.at(-1) ?? '', '-N', name, '-s')
    chain.push(name)
    writeFileSync(root(name, 'root/own'), name)
    writeFileSync(root(name, `root/by${i}`), `${i}`)
    if (i > 1) rmSync(root(name, `root/by${i - 1}`))
  }
  const last = chain.at(-1) ?? ''
  for (const [i, name] of chain.entries()) {
    if (i > 0) expect([read(name, 'root/own'), readdirSync(root(name, 'root')).sort()]).toEqual([name, [`by${i}`, 'own']])
  }
  for (const name of [last, first]) {
    const index = chain.indexOf(name)
    await start(name)
    expect(await inside(name, 'cat /etc/hostname; echo x >/root/x; mv /etc/init.d /etc/moved; ls /root')).toBe(`${name}\n${index > 0 ? `by${index}\nown\n` : ''}x\n`)
    await stop(name)
  }
  // A look-up through all layers of a directory that each of them has: far below a millisecond each, on any machine.
  const began = performance.now()
  for (let i = 0; i < 1000; i++) statSync(root(last, `root/none${i}`), { throwIfNoEntry: false })
  expect(performance.now() - began).toBeLessThan(2000)
  expect(layers(last)).toBeLessThanOrEqual(CLONES + 2)
  await destroyAll()
})
