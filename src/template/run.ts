/** Runs a template as LXC does: LXC's arguments, umask 022, a mount namespace of its own. */
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'

export interface TemplateRun {
  /** The program; see findTemplate. */
  file: string
  /** LXCPATH/NAME */
  directory: string
  name: string
  rootfs: string
  /** After "--" on the command line. */
  args: readonly string[]
  /** inherit: as LXC; discard: -q; stderr: standard output goes where errors go, too (--json). */
  output: 'inherit' | 'discard' | 'stderr'
  /** Gets what the template says on standard error (and, with output "stderr", on standard output). */
  onError: (text: string) => void
  /** Of the command; the template gets it with the places of tlxc's own added. */
  env: Readonly<Record<string, string | undefined>>
  signal: AbortSignal
}

/** Last bytes of what it said, kept for the error. */
const TAIL = 4096

/** Throws TlxcError TEMPLATE with its last words when it fails, SPACE when the disk is full, INTERRUPTED. */
export async function runTemplate(host: Host, run: TemplateRun): Promise<void> {
  try {
    await execute(host, run)
  } catch (error) {
    await sweepCaches(host, run.env)
    throw error
  }
}

async function execute(host: Host, run: TemplateRun): Promise<void> {
  let said = ''
  const [file, ...args] = templateCommand(host, run)
  const result = await host.exec(file, args, {
    umask: 0o022,
    signal: run.signal,
    killSignal: 'SIGKILL',
    stdin: run.output === 'inherit' ? 'inherit' : 'ignore',
    stdout: run.output === 'inherit' ? 'inherit' : run.output === 'discard' ? 'ignore' : 'pipe',
    env: templateEnvironment(host, run.env),
    onOutput: (text) => {
      said = (said + text).slice(-TAIL)
      run.onError(text)
    },
  })
  if (result.exitCode !== 0) throw failure(run, said, result.exitCode, result.signal)
}

/** A killed template could not clean up in its cache. What cannot be swept now, the next create sweeps. */
export async function sweepCaches(host: Host, env: TemplateRun['env']): Promise<void> {
  const script = `${host.paths.templates}/lib/sweep.sh`
  if (!host.fs.existsSync(script) || !host.fs.existsSync(host.paths.cache)) return
  await host.exec('sh', [script], { env: templateEnvironment(host, env), stdin: 'ignore' }).catch(() => undefined)
}

/** LXC's arguments, confined. */
export function templateCommand(host: Pick<Host, 'uid'>, run: Pick<TemplateRun, 'file' | 'directory' | 'name' | 'rootfs' | 'args'>): [string, ...string[]] {
  return confined(host, [run.file, `--path=${run.directory}`, `--name=${run.name}`, `--rootfs=${run.rootfs}`, ...run.args])
}

/**
 * Within namespaces: mounts of the template go with it; being a process namespace of its own, nothing of it outlives this command,
 * not even a killed one, to write on into a directory that another command removes.
 */
export function confined(host: Pick<Host, 'uid'>, command: [string, ...string[]]): [string, ...string[]] {
  if (host.uid !== 0) return command
  const namespaces = ['unshare', '--mount', '--propagation', 'slave', '--pid', '--fork', '--kill-child', '--mount-proc', '--']
  return ['setpriv', '--pdeathsig', 'KILL', '--', ...namespaces, ...command]
}

/** LXC promises nothing but what was there. Ours tell tlxc's own templates where includes and cache are. */
export function templateEnvironment(host: Host, env: TemplateRun['env']): Record<string, string> {
  const inherited = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { ...Object.fromEntries(inherited), TLXC_CONFIG_DIR: host.paths.configIncludes, TLXC_CACHE_DIR: host.paths.cache }
}

function failure(run: TemplateRun, said: string, exitCode: number | null, signal: string | null): TlxcError {
  const how = exitCode === null ? `was killed by ${signal ?? 'a signal'}` : `failed with status ${exitCode}`
  const last = lastLines(said)
  const message = `cannot create "${run.name}": template "${run.file}" ${how}${last === '' ? '' : `: ${last}`}`
  if (/No space left on device|ENOSPC|Disk quota exceeded/.test(said)) {
    return new TlxcError('SPACE', message, { hint: `make room on the filesystem of "${run.directory}"` })
  }
  return new TlxcError('TEMPLATE', message, { hint: `its options: -t TEMPLATE -h; its output is above, unless -q was given` })
}

/** What a person reads first: the last lines that say something. */
function lastLines(text: string): string {
  const lines = text
    .split(/[\r\n]+/)
    .map((line) => line.replace(/\p{Cc}/gu, ' ').trim())
    .filter((line) => line !== '')
  return lines.slice(-2).join('; ')
}
