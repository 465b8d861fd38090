/**
 * File systems on loop devices, for tests of what depends on one: ext4 (power cuts), xfs and btrfs (reflinks). All below one
 * directory in /var/tmp; mount(8) makes the loop device and lets the kernel drop it with the mount, so that nothing can leak but a mount,
 * and mounts of a test that was killed are removed by the next one that asks for a bench.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type FileSystem = 'ext4' | 'xfs' | 'btrfs'

const base = '/var/tmp'
const prefix = 'tlxc-loop-'

/** Nothing is written to the disk before somebody syncs: the states between are the interesting ones. */
const LAZY = 'commit=300,nodiscard'

const makers: Record<FileSystem, string[]> = {
  // Nothing is left to be initialized behind the tests' back.
  ext4: ['mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0,nodiscard', '-J', 'size=4'],
  xfs: ['mkfs.xfs', '-q', '-f', '-m', 'reflink=1'],
  btrfs: ['mkfs.btrfs', '-q', '-f'],
}

export function makeImage(file: string, type: FileSystem, megabytes: number): void {
  writeFileSync(file, '', { flag: 'wx', mode: 0o600 })
  truncateSync(file, megabytes * 1024 * 1024)
  const [program, ...args] = makers[type]
  if (program === undefined) throw new Error(type)
  execFileSync(program, [...args, file], { stdio: ['ignore', 'ignore', 'inherit'] })
}

export function mountImage(file: string, path: string, type: FileSystem): void {
  execFileSync('mount', ['-t', type, '-o', type === 'ext4' ? `loop,${LAZY}` : 'loop', file, path], { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Cloned, not copied: both share their blocks, and it takes no time. */
export function cloneImage(from: string, to: string): void {
  rmSync(to, { force: true })
  execFileSync('cp', ['--reflink=always', from, to])
}

/** Mount points at and below a path, the latest first. */
export function mountsBelow(path: string): string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '))
  return points.filter((point) => point === path || point.startsWith(`${path}/`)).reverse()
}

/** Unmounts all at and below a path; lazily what is in use, for a test that has failed already. */
export function unmountAll(path: string, lazy = false): void {
  for (const point of mountsBelow(path)) unmount(point, lazy)
}

/** Whoever makes or leaves a mount namespace of his own holds a copy of each mount for a moment, which then is busy. Who holds it longer has it open. */
function unmount(point: string, lazy: boolean): void {
  for (const deadline = Date.now() + 2_000; ; Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)) {
    const { status, stderr } = spawnSync('umount', [...(lazy ? ['-l'] : []), point], { encoding: 'utf8' })
    if (status === 0) return
    if (!stderr.includes('busy') || Date.now() > deadline) throw new Error(`cannot unmount ${point}: ${stderr.trim()}`)
  }
}

/** A directory for images and mounts that can share blocks, on a file system of its own. */
export class Bench {
  readonly path: string

  /** Throws when the machine has no loop devices or no xfs. */
  constructor() {
    sweep()
    this.path = mkdtempSync(join(base, `${prefix}${process.pid}-`))
    chmodSync(this.path, 0o711)
    const image = join(this.path, 'bench.xfs')
    mkdirSync(this.images)
    makeImage(image, 'xfs', 8192)
    mountImage(image, this.images, 'xfs')
  }

  get images(): string {
    return join(this.path, 'images')
  }

  remove(): void {
    unmountAll(this.path, true)
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** What tests that were killed left here. */
function sweep(): void {
  for (const name of readdirSync(base)) {
    const pid = /^tlxc-loop-(\d+)-/.exec(name)?.[1]
    if (pid === undefined || isAlive(Number(pid))) continue
    unmountAll(join(base, name), true)
    rmSync(join(base, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
