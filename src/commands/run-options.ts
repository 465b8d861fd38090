/** Options that tlxc-start and tlxc-execute share. */
import { resolve } from 'node:path'
import type { Context, Options, ParsedArgs } from '../cli/command.ts'
import type { StartOptions } from '../container/start-options.ts'
import { TlxcError } from '../errors.ts'
import { LOG_LEVEL_VALUES, type LogLevel, type Namespace } from '../protocol/generated.ts'

const SHARED: readonly Namespace[] = ['net', 'ipc', 'uts', 'pid']

export const RUN_OPTIONS: Options = {
  rcfile: { short: 'f', value: 'required', argument: 'FILE', complete: 'file', describe: 'configuration to use instead of the container’s own' },
  define: { short: 's', value: 'required', argument: 'KEY=VAL', repeat: true, describe: 'set a configuration key over the file' },
  ...Object.fromEntries(
    SHARED.map((kind) => [`share-${kind}`, { value: 'required', argument: 'NAME|PID', complete: 'container', describe: `use the ${kind} namespace of a container or process` }] as const),
  ),
}

/** The part of StartOptions that comes from them. */
export function runOptions(args: ParsedArgs, ctx: Context): Pick<StartOptions, 'rcfile' | 'defines' | 'share' | 'command' | 'logFile' | 'logLevel'> {
  const { options } = args
  const command = [...args.positionals, ...(args.rest ?? [])]
  return {
    defines: Array.isArray(options['define']) ? options['define'] : [],
    share: SHARED.flatMap((kind) => {
      const target = options[`share-${kind}`]
      return typeof target === 'string' ? [{ kind, target }] : []
    }),
    ...(command.length === 0 ? {} : { command }),
    ...pathOption(options['rcfile'], ctx, 'rcfile'),
    ...pathOption(options['logfile'], ctx, 'logFile'),
    ...(typeof options['logpriority'] === 'string' ? { logLevel: parseLevel(options['logpriority']) } : {}),
  }
}

export function pathOption<K extends string>(value: unknown, ctx: Context, key: K): { [P in K]?: string } {
  return (typeof value === 'string' ? { [key]: resolve(ctx.cwd, value) } : {}) as { [P in K]?: string }
}

/** As chown(1): decimal, below 2^32 - 1, which means "no change" to the kernel. */
export function parseId(key: string, value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined
  if (/^\d+$/.test(value) && Number(value) < 0xffffffff) return Number(value)
  throw new TlxcError('USAGE', `Invalid ${key} specified: "${value}"`, { hint: 'give a number' })
}

/** The logger has refused every other word already. */
function parseLevel(text: string): LogLevel {
  return LOG_LEVEL_VALUES.find((level) => level === text.toUpperCase()) ?? 'ERROR'
}
