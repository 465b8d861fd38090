/** Running the installed programs as people do, in a root of the tests' own (TLXC_ROOT). */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repoRoot = join(dirname(fileURLToPath(import.meta.url)), '../..')
export const binDir = join(repoRoot, 'build/prefix/bin')

export interface Result {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  input?: string
  env?: Record<string, string>
  timeoutMs?: number
  cwd?: string
}

/** Runs a program without a shell; never throws for its exit code. */
export function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 120_000,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    let stderr = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    // "exit" and not "close": a daemon that inherited a pipe by mistake must show as lost output, not as a hang.
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
    if (options.input !== undefined) child.stdin?.end(options.input)
  })
}

/** `tlxc('start', '-n', 'c1')` runs build/prefix/bin/tlxc-start. */
export function tlxc(program: string, ...args: string[]): Promise<Result> {
  return run(join(binDir, `tlxc-${program}`), args)
}

/** As tlxc, but a failure of the program is a failure of the test, with what it said. */
export async function must(program: string, ...args: string[]): Promise<string> {
  const result = await tlxc(program, ...args)
  if (result.code !== 0) {
    throw new Error(`tlxc-${program} ${args.join(' ')} ended with ${result.code ?? result.signal}:\n${result.stderr}${result.stdout}`)
  }
  return result.stdout
}

/** Waits for a condition of the world outside (an address by DHCP, a login prompt): checks until the deadline, then fails with what. */
export async function eventually<T>(what: string, check: () => Promise<T | undefined | false>, timeoutMs = 30_000): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const value = await check()
    if (value !== undefined && value !== false) return value
    if (Date.now() > deadline) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** tlxc-stop -r (where: ["-P", LXCPATH]), and then another init runs. */
export async function reboot(name: string, ...where: string[]): Promise<void> {
  const pid = await must('info', ...where, '-n', name, '-pH')
  await must('stop', ...where, '-r', '-n', name)
  await eventually('another init', async () => {
    const now = await tlxc('info', ...where, '-n', name, '-pH')
    return now.code === 0 && now.stdout !== pid && Number(now.stdout) > 0
  })
  await eventually('it runs', async () => (await must('info', ...where, '-n', name, '-sH')).trim() === 'RUNNING')
}

let counter = 0
/** A container name that no other test uses. */
export function freshName(prefix: string): string {
  counter++
  return `${prefix}-${process.pid}-${counter}`
}

/**
 * Fails when the container left something behind. Waits a moment: the monitor tells STOPPED as soon as a new start may come, and ends
 * after its last hooks, as LXC's does.
 */
export async function leavesNothing(name: string): Promise<void> {
  let left: string[] = []
  await eventually(`nothing left of ${name}`, () => {
    left = traces(name)
    return Promise.resolve(left.length === 0)
  }, 5_000).catch(() => {
    throw new Error(`left behind by ${name}:\n${left.join('\n')}`)
  })
}

/** What is there of a container on this host beside its directory: mounts, cgroups, run directory, monitor. */
export function traces(name: string): string[] {
  const found: string[] = []
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  // The view of a stopped container is where its files are.
  found.push(...mounts.filter((line) => line.includes(`/${name}/`) && !line.includes(' - overlay tlxc-view ')))
  for (const dir of cgroupDirs('/sys/fs/cgroup')) if (dir.includes(name)) found.push(dir)
  const runBase = join(process.env['TLXC_ROOT'] ?? '', '/run/tlxc')
  for (const hash of list(runBase)) if (list(join(runBase, hash)).includes(name)) found.push(`${runBase}/${hash}/${name}`)
  for (const pid of list('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const cmdline = read(`/proc/${pid}/cmdline`)
    if (cmdline.startsWith('[tlxc') && cmdline.includes(name)) found.push(`process ${pid}: ${cmdline}`)
  }
  return found
}

function cgroupDirs(base: string, depth = 0): string[] {
  const children = list(base).filter((entry) => !entry.includes('.') || entry.startsWith('tlxc'))
  const dirs = children.map((entry) => join(base, entry))
  return depth >= 3 ? dirs : dirs.flatMap((dir) => [dir, ...cgroupDirs(dir, depth + 1)])
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}
