/** From a call to an exit code: which program, its arguments, its context, its run; every error ends here. */
import { TlxcError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { LXC_LEVEL, VERSION } from '../version.ts'
import type { Command, Context, ParsedArgs } from './command.ts'
import { allOptions } from './common-options.ts'
import { makeContext, type Surroundings } from './context.ts'
import { parseArguments } from './getopt.ts'
import { programName, resolveInvocation, type Invocation } from './invocation.ts'
import { INTERNAL_PROGRAMS, PROGRAMS, type Program } from './registry.ts'
import { reportError, type Reporter } from './report-error.ts'
import { usageLine } from './usage.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** calledAs: argv0, or a path that ends in the program's name. argv: what follows it. Never throws for what people can cause. */
export async function runProgram(
  calledAs: string,
  argv: readonly string[],
  around: Surroundings,
  programs: readonly Program[] = [...PROGRAMS, ...INTERNAL_PROGRAMS],
): Promise<number> {
  const reporter: Mutable<Reporter> = {
    program: calledAs.slice(calledAs.lastIndexOf('/') + 1),
    name: '',
    stderr: around.stderr,
    env: around.env,
    json: argv.slice(0, argv.includes('--') ? argv.indexOf('--') : argv.length).includes('--json'),
    quiet: false,
  }
  try {
    const invocation = resolveInvocation(calledAs, argv, programs)
    reporter.program = programName(calledAs, invocation)
    return await perform(invocation, reporter, around)
  } catch (error) {
    const exitCode = reportError(interruptionOf(error, around.signal), reporter)
    return isInterrupted(error) ? (exitCodeOf(around.signal) ?? exitCode) : exitCode
  }
}

/** What Node throws for an aborted wait says nothing to people; the signal's reason does. */
function interruptionOf(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && error instanceof Error && error.name === 'AbortError' ? signal.reason : error
}

function isInterrupted(error: unknown): boolean {
  return error instanceof TlxcError && error.code === 'INTERRUPTED'
}

/** 128+N of the signal that came, whatever a command's own error says. */
function exitCodeOf(signal: AbortSignal): number | undefined {
  return signal.reason instanceof TlxcError ? signal.reason.exitCode : undefined
}

async function perform(invocation: Invocation, reporter: Mutable<Reporter>, around: Surroundings): Promise<number> {
  const { program } = reporter
  switch (invocation.kind) {
    case 'version':
      around.stdout.write(`${versionFor(program)}\n`)
      return EXIT.ok
    case 'overview':
      around.stderr.write((await import('./overview.ts')).renderOverview(program))
      return invocation.exitCode
    case 'help':
      around.stderr.write(await helpFor(program, (await invocation.program.load()).default))
      return EXIT.ok
    case 'program':
      return await performCommand((await invocation.program.load()).default, invocation.argv, reporter, around)
  }
}

async function performCommand(
  command: Command,
  argv: readonly string[],
  reporter: Mutable<Reporter>,
  around: Surroundings,
): Promise<number> {
  const { program } = reporter
  const parsed = parseCommandLine(program, command, argv)
  const { options } = parsed.args
  reporter.name = parsed.name
  reporter.quiet = options.quiet === true
  reporter.json = options.json === true
  if (options.version) {
    around.stdout.write(`${versionFor(program)}\n`)
    return EXIT.ok
  }
  if (options.usage) {
    around.stderr.write(`${usageLine(program, command)}\n`)
    return EXIT.ok
  }
  if (options.help || options['?']) {
    around.stderr.write(await helpFor(program, command))
    if (command.help) await command.help(parsed.args, await makeContext(program, command, parsed, around))
    return options['?'] ? EXIT.failure : EXIT.ok
  }
  requireSensible(program, command, parsed)
  const context: Context = await makeContext(program, command, parsed, around)
  return (await command.run(parsed.args, context)) ?? EXIT.ok
}

function parseCommandLine(program: string, command: Command, argv: readonly string[]): { args: ParsedArgs; name: string } {
  const nameMode = command.nameMode ?? 'required'
  const options = { ...allOptions(command), '?': { short: '?', value: 'none', describe: 'Show this help, exit 1', hidden: true } as const }
  const takesName = (given: Readonly<Record<string, unknown>>): boolean => nameMode !== 'none' && given.name === undefined
  try {
    const rules = command.stopAtPositional ? { stopAfter: (given: Readonly<Record<string, unknown>>) => (takesName(given) ? 1 : 0) } : {}
    const args = parseArguments(argv, options, rules)
    const positionals = [...args.positionals]
    const rest = args.rest && [...args.rest]
    const given = args.options.name
    const name = takesName(args.options) ? (positionals.shift() ?? rest?.shift() ?? '') : typeof given === 'string' ? given : ''
    return { args: { options: args.options, positionals, rest }, name }
  } catch (error) {
    throw error instanceof TlxcError && error.hint === undefined ? withHelpHint(error, program) : error
  }
}

/** What the parser cannot know. Messages as LXC's where it has one. */
function requireSensible(program: string, command: Command, { args, name }: { args: ParsedArgs; name: string }): void {
  const paths = args.options.lxcpath
  if (Array.isArray(paths) && paths.length > 1 && !command.manyPaths) {
    throw new TlxcError('USAGE', 'This command only accepts 1 -P,--lxcpath arguments', { hint: 'give -P once' })
  }
  if (name === '' && (command.nameMode ?? 'required') === 'required') {
    throw new TlxcError('USAGE', 'No container name specified', { hint: `give it as the first argument: ${program} NAME` })
  }
  const extra = command.positionals === undefined ? (args.positionals[0] ?? args.rest?.[0]) : undefined
  if (extra !== undefined) throw withHelpHint(new TlxcError('USAGE', `unexpected argument '${extra}'`), program)
}

function withHelpHint(error: TlxcError, program: string): TlxcError {
  return new TlxcError(error.code, error.message, { hint: `${program} --help lists the options`, cause: error })
}

async function helpFor(program: string, command: Command): Promise<string> {
  return (await import('./help.ts')).renderHelp(program, command)
}

/** Clients parse what lxc-* says and want at least 2.1. */
function versionFor(program: string): string {
  return program.startsWith('lxc') ? LXC_LEVEL : VERSION
}
