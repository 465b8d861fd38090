/** --help, laid out by yargs from the option tables. Loaded only when somebody asks. The one importer of yargs. */
import yargs from 'yargs'
import type { Command, Options } from './command.ts'
import { allOptions, isCommonOption } from './common-options.ts'
import { optionForms, synopsis } from './usage.ts'

const WIDTH = 96

export async function renderHelp(program: string, command: Command): Promise<string> {
  const options = allOptions(command)
  const parser = yargs([])
    .scriptName(program)
    .detectLocale(false)
    .help(false)
    .version(false)
    .wrap(WIDTH)
    .usage(`Usage: ${synopsis(program, command)}\n\n${wrap(command.description)}`)
  addOptions(parser, pick(options, (key) => !isCommonOption(command, key)), 'Options:')
  addOptions(parser, pick(options, (key) => isCommonOption(command, key)), 'Common options:')
  for (const example of command.examples) parser.example(example.command, example.describe)
  parser.epilogue(`See ${program.replace(/^lxc/, 'tlxc')}(1).`)
  return `${withDigits(await parser.getHelp())}\n`
}

/** yargs takes a digit for a word: "--line, --1". */
function withDigits(help: string): string {
  return help.replace(/^ {6}(--\S+), --(\d)( +)/gm, (_, long: string, digit: string, gap: string) => `  -${digit}, ${long}     ${gap}`)
}

/** yargs shows an option's key as it is, so the key carries the argument: --timeout=T. */
function addOptions(parser: ReturnType<typeof yargs>, options: Options, group: string): void {
  for (const [key, option] of Object.entries(options)) {
    if (option.hidden) continue
    const long = optionForms(key, option).at(-1)?.slice(2) ?? key
    parser.option(long, { ...(option.short === undefined ? {} : { alias: option.short }), describe: option.describe.charAt(0).toUpperCase() + option.describe.slice(1), group })
  }
}

function pick(options: Options, wanted: (key: string) => boolean): Options {
  return Object.fromEntries(Object.entries(options).filter(([key]) => wanted(key)))
}

function wrap(text: string): string {
  return text
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, ' ').trim().replace(new RegExp(`(.{1,${String(WIDTH)}})( |$)`, 'g'), '$1\n').trimEnd())
    .join('\n\n')
}
