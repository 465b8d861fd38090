/** A machine in small: a TLXC_ROOT whose lxcpath lies on an ext4 image, which can be saved, brought back, and cut off. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binDir, repoRoot, run, type Result } from './e2e.ts'
import { cloneImage, makeImage, mountImage, mountsBelow, unmountAll, type Bench } from './loop-fs.ts'
import { storageState, type StorageState } from './storage-state.ts'

export const FAULT = join(repoRoot, 'build/native/fault')

/** Small, because it is cloned and its log replayed some thousand times. */
const MEGABYTES = 200

/** One system call that changed something, as fault --list tells it. */
export interface Call {
  n: number
  call: string
  paths: string[]
  comm: string
  pid: number
  /** Made by the command itself, not by a child of it. */
  root: boolean
  space: boolean
  /** Absent: it did not return (the command was killed there). */
  result?: number
  /** 0: the disk was cloned there; 1: it was as at the call before. */
  cloned?: number
}

export class Lane {
  readonly root: string
  readonly lxcpath: string
  private readonly disk: string
  private readonly image: string
  private mounted = false

  constructor(
    private readonly bench: Bench,
    readonly name: string,
  ) {
    this.root = join(bench.path, name)
    this.disk = join(this.root, 'disk')
    this.lxcpath = join(this.disk, 'lxc')
    this.image = join(bench.images, `${name}.img`)
    for (const directory of ['etc/tlxc', 'lib/tlxc/rootfs', 'disk']) mkdirSync(join(this.root, directory), { recursive: true })
    cpSync(join(repoRoot, 'etc/default.conf'), join(this.root, 'etc/tlxc/default.conf'))
    writeFileSync(join(this.root, 'etc/tlxc/tlxc.conf'), `lxc.lxcpath = ${this.lxcpath}\n[idmap]\nstart = 1879048192\ncount = 16777216\n`)
    writeFileSync(join(this.root, 'etc/tlxc/default.conf'), 'lxc.net.0.type = empty\n')
    makeImage(this.saved('empty'), 'ext4', MEGABYTES)
    this.load('empty')
    mkdirSync(this.lxcpath, { mode: 0o755 })
    this.save('empty')
  }

  /** Cuts the power, then boots with a saved disk: nothing is mounted but the disk, /run is empty. */
  load(saved: string): void {
    this.boot(this.saved(saved))
  }

  boot(image: string): void {
    this.off()
    cloneImage(image, this.image)
    mountImage(this.image, this.disk, 'ext4')
    this.mounted = true
  }

  /** Shuts down in order and keeps the disk under a name. */
  save(saved: string): void {
    // Another mount namespace may hold a copy of the mount: then umount writes nothing out.
    execFileSync('sync', ['-f', this.disk])
    this.off()
    cloneImage(this.image, this.saved(saved))
  }

  off(): void {
    if (this.mounted) unmountAll(this.disk)
    this.mounted = false
    rmSync(join(this.root, 'run'), { recursive: true, force: true })
  }

  private saved(name: string): string {
    return join(this.bench.images, `${this.name}-${name}`)
  }

  tlxc(command: readonly string[]): Promise<Result> {
    const [program, ...args] = command
    return run(join(binDir, program ?? ''), args, this.options)
  }

  async must(...command: string[]): Promise<string> {
    const result = await this.tlxc(command)
    if (result.code !== 0) throw new Error(`${command.join(' ')} ended with ${result.code ?? result.signal}:\n${result.stderr}${result.stdout}`)
    return result.stdout
  }

  /** Runs a command with faults; its calls so far. */
  async fault(options: readonly string[], command: readonly string[]): Promise<{ result: Result; calls: Call[] }> {
    const list = join(this.root, 'calls')
    const [program, ...args] = command
    const argv = ['--below', this.lxcpath, '--list', list, ...options, '--', join(binDir, program ?? ''), ...args]
    const result = await run(FAULT, argv, this.options)
    return { result, calls: readCalls(list) }
  }

  /** Clones the disk before each call of a command, as a power cut then would leave it; names of the clones by call. */
  async cut(command: readonly string[], { commit }: { commit: boolean }): Promise<{ calls: Call[]; images: Map<number, string> }> {
    const clones = join(this.bench.images, `${this.name}-cuts`)
    rmSync(clones, { recursive: true, force: true })
    mkdirSync(clones)
    const options = ['--clone', `${this.image}:${clones}`, ...(commit ? ['--commit', join(this.disk, 'commit')] : [])]
    const { calls } = await this.fault(options, command)
    return { calls, images: new Map(readdirSync(clones).map((name) => [Number(name), join(clones, name)])) }
  }

  private get options(): { env: Record<string, string>; timeoutMs: number; cwd: string } {
    return { env: { TLXC_ROOT: this.root }, timeoutMs: 30_000, cwd: this.disk }
  }

  /** Names of containers that run. */
  readonly running = new Set<string>()

  state(): Promise<StorageState> {
    return storageState(this.lxcpath, join(this.root, 'scratch'), [...this.running].map((name) => join(this.lxcpath, name, 'rootfs')))
  }

  /** What is mounted below the lxcpath. */
  mounts(): string[] {
    return mountsBelow(this.lxcpath).map((path) => path.slice(this.lxcpath.length + 1))
  }
}

function readCalls(file: string): Call[] {
  const calls: Call[] = []
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue
    const entry = JSON.parse(line) as Partial<Call> & { n: number }
    const known = calls[entry.n - 1]
    if (known) Object.assign(known, entry)
    else calls.push(entry as Call)
  }
  return calls
}
