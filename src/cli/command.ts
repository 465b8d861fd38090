/**
 * cli/: from argv to a command and from its result or error to streams and exit code. No container logic.
 * This file is what a command is.
 */
import type { Host } from '../host/host.ts'

/** One option. `key` is the long name; value decides whether and how it takes an argument (getopt_long(3)). */
export interface Option {
  /** Short letter, e.g. "n". */
  short?: string
  /** none: a flag; required: takes a value; optional: --opt=VALUE or -oVALUE only. */
  value: 'none' | 'required' | 'optional'
  /** Placeholder in help: NAME */
  argument?: string
  describe: string
  /** May be given more than once: values collect. */
  repeat?: boolean
  /** Of this and the other one the last that is given counts; to be said of both, unless one is the default. */
  cancels?: string
  /** Left out of help and completion (kept for compatibility). */
  hidden?: boolean
  /** What completion offers for the value. */
  complete?: 'container' | 'file' | 'directory' | readonly string[]
}

export type Options = Record<string, Option>

/** Parsed values: flags boolean, values string (optional value given without: ''), repeatable string[]. Absent ones undefined. */
export interface ParsedArgs {
  readonly options: Readonly<Record<string, string | boolean | string[] | undefined>>
  readonly positionals: readonly string[]
  /** What came after `--`, or null without one. */
  readonly rest: readonly string[] | null
}

export interface Output {
  write(data: string | Uint8Array): void
  readonly isTTY: boolean
  readonly columns: number
  /** Lines of the terminal; 0 when it is none. */
  readonly rows: number
  /** Calls back at each change of the terminal's size; what is returned ends that. */
  onResize(listener: () => void): () => void
}

/** All that a command may touch. Never process, never globals: it must run in a test or in a server as well. */
export interface Context {
  readonly host: Host
  /** Program name for messages: "tlxc-start" (or "lxc-start" through a compatibility link). */
  readonly program: string
  readonly stdin: NodeJS.ReadStream
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Aborted by SIGINT, SIGTERM, SIGHUP: undo and leave. */
  readonly signal: AbortSignal
  /** The container's name after -n or the first positional; '' if none. */
  readonly name: string
  /** -P, or from the system configuration; absolute, no trailing slash. */
  readonly lxcpath: string
  readonly quiet: boolean
  /** --json was given. */
  readonly json: boolean
  /** --lock-timeout: how long to wait for another command's lock on the same container. */
  readonly lockTimeoutMs: number
  readonly log: Logger
}

/** Diagnostics, in LXC's shape, to stderr or --logfile by --logpriority. Results never go here. */
export interface Logger {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

export interface Example {
  command: string
  describe: string
}

export interface Command {
  /** Without prefix: "start". */
  readonly name: string
  /** One line, no full stop; the same as in the registry (a test compares). */
  readonly summary: string
  /** Synopsis after the options, e.g. "[-- COMMAND...]". */
  readonly positionals?: string
  /** Paragraphs for help and man page. */
  readonly description: string
  readonly options: Options
  readonly examples: readonly Example[]
  /** required (default): -n or first positional; optional; none: a positional is never taken as name. */
  readonly nameMode?: 'required' | 'optional' | 'none'
  /** What the first positional may be, for completion; with nameMode none. */
  readonly words?: readonly string[]
  /** Takes several -P. */
  readonly manyPaths?: boolean
  /** Prints something, so --json is offered. */
  readonly json?: boolean
  /** Exit codes beyond 0 and 1, for the man page. */
  readonly exitCodes?: Readonly<Record<number, string>>
  /** A first non-option ends option parsing (attach, execute, start, device: the rest is a command). */
  readonly stopAtPositional?: boolean
  /** After --help: what depends on the other arguments (create -t TEMPLATE -h shows the template's help too). */
  help?(args: ParsedArgs, ctx: Context): Promise<void>
  /** Resolves with the exit code (void: 0). Writes results to ctx.stdout; throws TlxcError. */
  run(args: ParsedArgs, ctx: Context): Promise<number | void>
}

export function defineCommand(command: Command): Command {
  return command
}
