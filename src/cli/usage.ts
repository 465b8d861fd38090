/** One-line synopses, for --usage and for the heads of help texts and man pages. Pure. */
import type { Command, Option } from './command.ts'
import { allOptions } from './common-options.ts'

/** "tlxc-stop --name=NAME [OPTION...]": what is needed, then what may follow. */
export function synopsis(program: string, command: Command): string {
  const name = { required: ' {--name=NAME | NAME}', optional: ' [--name=NAME | NAME]', none: '' }[command.nameMode ?? 'required']
  return `${program}${name} [OPTION...]${command.positionals === undefined ? '' : ` ${command.positionals}`}`
}

/** Every option on one line: "[-t|--timeout=T] [-k|--kill]". */
export function usageLine(program: string, command: Command): string {
  const options = Object.entries(allOptions(command)).filter(([, option]) => !option.hidden)
  const words = options.map(([key, option]) => `[${optionForms(key, option).join('|')}]`)
  return [`Usage: ${program}`, ...words, ...(command.positionals === undefined ? [] : [command.positionals])].join(' ')
}

/** ["-t", "--timeout=T"], ["--nesting[=N]"], ["-k", "--kill"] */
export function optionForms(key: string, option: Option): string[] {
  const argument = option.argument ?? key.toUpperCase()
  const long = { none: `--${key}`, required: `--${key}=${argument}`, optional: `--${key}[=${argument}]` }[option.value]
  return option.short === undefined ? [long] : [`-${option.short}`, long]
}
