/** Every command that changes storage, each with a disk that it begins with: what storage-faults.e2e.test.ts walks through. */
import { appendFileSync, chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makePaths, runDir } from '../../src/host/paths.ts'
import { repoRoot } from './e2e.ts'
import type { Lane } from './fault-lane.ts'
import type { Operation } from './fault-walk.ts'
import { writeLayout } from './oci-layout.ts'

const TINY = join(repoRoot, 'test/helpers/templates/tiny')

/** Takes the container's lock and opens its layers, then finds nothing to do: what a person does next. */
const opens = (name: string): string[] => ['tlxc-snapshot', '-n', name, '-d', 'nothing-of-this-name']

const snapshot = (...args: string[]): string[] => ['tlxc-snapshot', '-n', 'c1', ...args]
const copy = (...args: string[]): string[] => ['tlxc-copy', '-n', 'c1', ...args]
const destroy = (...args: string[]): string[] => ['tlxc-destroy', ...args]

/** Where lanes keep the archives that are imported. */
const whole = (lane: Lane): string => join(lane.root, 'whole')
const later = (lane: Lane): string => join(lane.root, 'later')

/** From the layout that each lane has beside its disk, the working directory. */
const create = ['tlxc-create', '-n', 'c3', '-t', 'oci', '--', '--url=oci:../image']

export const OPERATIONS: readonly Operation[] = [
  { name: 'create from an image', from: 'base', command: create, next: [opens('c3')], again: true },
  { name: 'snapshot', from: 'base', command: snapshot('-m', 'a comment'), next: [opens('c1')] },
  { name: 'restore', from: 'base', command: snapshot('-r', 'snap0'), next: [opens('c1')] },
  { name: 'second restore', from: 'restored', command: snapshot('-r', 'snap1'), next: [opens('c1')] },
  { name: 'undo of restore', from: 'restored', command: snapshot('--undo'), next: [opens('c1')] },
  { name: 'snapshot, plain', from: 'plain', command: snapshot(), next: [opens('c1')] },
  { name: 'restore, plain', from: 'plain', command: snapshot('-r', 'snap0'), next: [opens('c1')] },
  { name: 'second restore, plain', from: 'plain restored', command: snapshot('-r', 'snap1'), next: [opens('c1')] },
  { name: 'undo of restore, plain', from: 'plain restored', command: snapshot('--undo'), next: [opens('c1')] },
  { name: 'restore -N', from: 'base', command: snapshot('-r', 'snap0', '-N', 'c3'), next: [opens('c1')] },
  { name: 'clone', from: 'base', command: copy('-N', 'c3', '-s'), next: [opens('c1')] },
  { name: 'full copy', from: 'base', command: copy('-N', 'c3'), next: [opens('c1')] },
  { name: 'rename', from: 'base', command: copy('-N', 'c9', '-R'), next: [] },
  { name: 'destroy of a snapshot', from: 'base', command: snapshot('-d', 'snap0'), next: [opens('c1')] },
  { name: 'prune', from: 'base', command: snapshot('--prune', '--keep-last', '1'), next: [opens('c1')] },
  { name: 'prune of what was put aside', from: 'restored', command: snapshot('--prune', '--keep-undo', '0'), next: [opens('c1')] },
  { name: 'prune of what was put aside, plain', from: 'plain restored', command: snapshot('--prune', '--keep-undo', '0'), next: [opens('c1')] },
  { name: 'squash', from: 'base', command: snapshot('--squash'), next: [opens('c1')], same: true },
  { name: 'destroy', from: 'base', command: destroy('-n', 'c2'), next: [] },
  { name: 'destroy -s', from: 'base', command: destroy('-n', 'c1', '-s'), next: [] },
  { name: 'destroy --purge', from: 'base', command: destroy('-n', 'c2', '--purge'), next: [] },
  { name: 'destroy --undo', from: 'gone', command: destroy('-n', 'c2', '--undo'), next: [] },
  { name: 'destroy --empty-trash', from: 'gone', command: destroy('--empty-trash'), next: [] },
  { name: 'check that finds an ephemeral one', from: 'left over', command: ['tlxc-checkconfig', '--storage'], next: [] },
  { name: 'import', from: 'base', command: (lane) => ['tlxc-import', whole(lane), 'c3'], next: [opens('c1')] },
  { name: 'import of later layers', from: 'imported', command: (lane) => ['tlxc-import', later(lane), 'c3'], next: [opens('c3')] },
]

/** Makes the disks that operations begin with. */
export async function prepare(lane: Lane): Promise<void> {
  writeImage(lane)
  lane.load('empty')
  await lane.must('tlxc-create', '-n', 'c1', '-t', TINY)
  const c1 = join(lane.lxcpath, 'c1/rootfs')
  first(c1)
  await lane.must('tlxc-snapshot', '-n', 'c1')
  second(c1)
  await lane.must('tlxc-snapshot', '-n', 'c1', '-m', 'second')
  await lane.must('tlxc-copy', '-n', 'c1', '-N', 'c2', '-s')
  third(c1)
  third(join(lane.lxcpath, 'c2/rootfs'))
  lane.save('base')
  lane.load('base')
  await lane.must('tlxc-export', '-n', 'c1', 'snap1', whole(lane))
  await lane.must('tlxc-export', '-n', 'c1', '--since', 'snap1', later(lane))
  await lane.must('tlxc-import', whole(lane), 'c3')
  lane.save('imported')
  lane.load('base')
  await lane.must('tlxc-snapshot', '-n', 'c1', '-r', 'snap0')
  third(c1)
  lane.save('restored')
  lane.load('base')
  await lane.must('tlxc-destroy', '-n', 'c2')
  lane.save('gone')
  await prepareLeftOver(lane)
  await preparePlain(lane)
}

/** An ephemeral clone that was running when the power was cut. */
async function prepareLeftOver(lane: Lane): Promise<void> {
  lane.load('base')
  await lane.must(...copy('-N', 'c4', '-s'))
  appendFileSync(join(lane.lxcpath, 'c4/config'), 'lxc.ephemeral = 1\n')
  const run = runDir(makePaths(join(repoRoot, 'build/prefix'), lane.root), lane.lxcpath, 'c4')
  writeFileSync(join(lane.lxcpath, 'c4/started'), JSON.stringify({ run, monitor_pid: 1, monitor_start: 1 }))
  lane.save('left over')
}

/** -B dir: the files are copied, and change places by renames. */
async function preparePlain(lane: Lane): Promise<void> {
  lane.load('empty')
  await lane.must('tlxc-create', '-n', 'c1', '-t', TINY, '-B', 'dir')
  const c1 = join(lane.lxcpath, 'c1/rootfs')
  for (const change of [first, second, third]) {
    change(c1)
    if (change !== third) await lane.must('tlxc-snapshot', '-n', 'c1')
  }
  lane.save('plain')
  lane.load('plain')
  await lane.must('tlxc-snapshot', '-n', 'c1', '-r', 'snap0')
  third(c1)
  lane.save('plain restored')
}

/** With whiteouts, an opaque directory, and a layer that stands for itself. */
function writeImage(lane: Lane): void {
  const layer = (name: string, files: Readonly<Record<string, string>>): string => {
    const directory = join(lane.root, `layer-${name}`)
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, file)), { recursive: true, mode: 0o755 })
      writeFileSync(join(directory, file), content)
    }
    return directory
  }
  const layers = [
    layer('0', { 'bin/sh': 'a shell\n', 'etc/gone': '0\n', 'var/hidden/old': '0\n', 'var/kept': '0\n' }),
    layer('1', { 'etc/.wh.gone': '', 'var/hidden/.wh..wh..opq': '', 'var/hidden/new': '1\n' }),
    layer('2', { 'opt/file': '2\n' }),
  ]
  writeLayout(join(lane.root, 'image'), { layers })
}

/** New files, a change, a deletion, a renamed directory, one in place of another. */
function first(root: string): void {
  appendFileSync(join(root, 'etc/one'), 'changed\n')
  writeFileSync(join(root, 'etc/new'), 'new\n')
  renameSync(join(root, 'var/lib'), join(root, 'var/library'))
  rmSync(join(root, 'etc/hostname'))
}

function second(root: string): void {
  rmSync(join(root, 'var/library'), { recursive: true })
  mkdirSync(join(root, 'var/library'))
  writeFileSync(join(root, 'var/library/other'), 'opaque\n')
  chmodSync(join(root, 'etc/one'), 0o640)
}

function third(root: string): void {
  writeFileSync(join(root, 'etc/hostname'), 'back\n')
  symlinkSync('nowhere', join(root, 'tmp/link'))
  rmSync(join(root, 'etc/new'), { force: true })
}
