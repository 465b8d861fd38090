/** Makes the context of a command from its common options and what surrounds the process. */
import { resolve } from 'node:path'
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { realPath } from '../host/real-path.ts'
import type { Command, Context, ParsedArgs } from './command.ts'
import { defaultLogFile, makeLogger, parseLevel } from './logger.ts'

/** What main.ts takes from its process, and a test makes up. signal: aborted with a TlxcError INTERRUPTED as its reason. */
export type Surroundings = Pick<Context, 'host' | 'stdin' | 'stdout' | 'stderr' | 'env' | 'cwd' | 'signal'>

const DEFAULT_LOCK_TIMEOUT_S = 30

/** Throws TlxcError USAGE for a bad value of a common option, IO for a log file that cannot be opened. */
export async function makeContext(
  program: string,
  command: Command,
  parsed: { args: ParsedArgs; name: string },
  around: Surroundings,
): Promise<Context> {
  const { options } = parsed.args
  const quiet = options.quiet === true
  const { logfile, logpriority } = options
  const file = typeof logfile === 'string' ? resolve(around.cwd, logfile) : typeof logpriority === 'string' ? defaultLogFile(around.host, parsed.name, program) : null
  const priority = parseLevel(typeof logpriority === 'string' ? logpriority : 'ERROR')
  const { host, stdout, stderr, env, cwd, signal } = around
  return {
    host,
    program,
    // On use: looking at process.stdin costs a hot command a millisecond and may change the terminal's file flags.
    get stdin() {
      return around.stdin
    },
    stdout,
    stderr,
    env,
    cwd,
    signal,
    name: parsed.name,
    lxcpath: realPath(host.fs, await lxcpathOf(options.lxcpath, around)),
    quiet,
    json: command.json === true && options.json === true,
    lockTimeoutMs: 1000 * parseSeconds('lock-timeout', options['lock-timeout'], DEFAULT_LOCK_TIMEOUT_S),
    log: makeLogger({ program, name: parsed.name, stderr, host, quiet, file, priority }),
  }
}

/** Absolute, without trailing slashes; the first one when several are given. */
async function lxcpathOf(given: unknown, around: Surroundings): Promise<string> {
  const path: unknown = Array.isArray(given) ? given[0] : given
  if (typeof path === 'string') {
    if (path === '') throw new TlxcError('USAGE', "option '--lxcpath' is empty", { hint: 'give a directory, such as /var/lib/tlxc' })
    return resolve(around.cwd, path)
  }
  return (await configuredLxcpath(around.host)) ?? around.host.paths.lxcpath
}

/** lxc.lxcpath of the system configuration. Its parser is loaded only when the file sets it: hot commands pass here. */
async function configuredLxcpath(host: Host): Promise<string | undefined> {
  const { systemConfig } = host.paths
  if (!host.fs.existsSync(systemConfig)) return undefined
  const text = host.fs.readFileSync(systemConfig, 'utf8')
  if (!/^\s*lxc\.lxcpath\s*=/m.test(text)) return undefined
  return (await import('../config/system-config.ts')).parseSystemConfig(text, systemConfig).lxcpath
}

function parseSeconds(key: string, text: unknown, fallback: number): number {
  if (typeof text !== 'string') return fallback
  if (!/^\d+(\.\d+)?$/.test(text)) throw new TlxcError('USAGE', `invalid value '${text}' of --${key}`, { hint: 'give a number of seconds' })
  return Number(text)
}
