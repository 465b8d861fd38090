/** The options that every program has, as LXC's tools have them, and tlxc's own: --json, --lock-timeout. */
import type { Command, Options } from './command.ts'

const NAME: Options = {
  name: { short: 'n', value: 'required', argument: 'NAME', describe: 'Name of the container', complete: 'container' },
}

const COMMON: Options = {
  lxcpath: { short: 'P', value: 'required', argument: 'PATH', describe: 'Use the containers below PATH', repeat: true, complete: 'directory' },
  logfile: { short: 'o', value: 'required', argument: 'FILE', describe: 'Write the log to FILE as well', complete: 'file' },
  logpriority: {
    short: 'l',
    value: 'required',
    argument: 'LEVEL',
    describe: 'Log what is at least LEVEL (default ERROR)',
    complete: ['TRACE', 'DEBUG', 'INFO', 'NOTICE', 'WARN', 'ERROR', 'CRIT', 'ALERT', 'FATAL'],
  },
  quiet: { short: 'q', value: 'none', describe: 'Write no diagnostics to standard error' },
  'lock-timeout': { value: 'required', argument: 'SECONDS', describe: 'Wait at most SECONDS for another command on the same container (default 30)' },
}

const JSON_OPTION: Options = {
  json: { value: 'none', describe: 'Print JSON with a versioned schema; errors too, on standard error' },
}

const INFORMATION: Options = {
  help: { short: 'h', value: 'none', describe: 'Show this help and exit' },
  usage: { value: 'none', describe: 'Show a one-line usage message and exit' },
  version: { value: 'none', describe: 'Print the version and exit' },
}

/** The command's own options first, then the common ones that it does not define itself. */
export function allOptions(command: Command): Options {
  const common: Options = {
    ...(command.nameMode === 'none' ? {} : NAME),
    ...(command.json ? JSON_OPTION : {}),
    ...COMMON,
    ...INFORMATION,
  }
  const taken = new Set(Object.values(command.options).flatMap((option) => option.short ?? []))
  const options: Options = {}
  if (common.name && !command.options.name) options.name = common.name
  Object.assign(options, command.options)
  for (const [key, option] of Object.entries(common)) {
    if (Object.hasOwn(options, key)) continue
    options[key] = option.short !== undefined && taken.has(option.short) ? withoutShort(option) : option
  }
  return options
}

/** Which of a command's options are common ones (help and man page list them apart). */
export function isCommonOption(command: Command, key: string): boolean {
  return key !== 'name' && !Object.hasOwn(command.options, key)
}

function withoutShort({ short: _short, ...option }: Options[string]): Options[string] {
  return option
}
