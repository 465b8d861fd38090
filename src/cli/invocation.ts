/** From the name a program was called by, and its arguments, to what is meant: a program, the overview, a help text. Pure. */
import { TlxcError } from '../errors.ts'
import type { Program } from './registry.ts'
import { nearest } from './suggest.ts'

export type Invocation =
  | { kind: 'program'; program: Program; argv: readonly string[] }
  | { kind: 'overview'; exitCode: number }
  | { kind: 'help'; program: Program }
  | { kind: 'version' }

/** What a call is known as: `tlxc-start` for "tlxc start" and "tlxc-start", `lxc-start` through a compatibility link. */
export function programName(calledAs: string, invocation: Invocation): string {
  const base = basename(calledAs)
  const family = /^lxc(-|$)/.test(base) ? 'lxc' : 'tlxc'
  // What only templates call is no program that people know.
  const named = (invocation.kind === 'program' || invocation.kind === 'help') && !invocation.program.name.startsWith('__')
  return named ? `${family}-${invocation.program.name}` : family
}

/** Throws TlxcError USAGE for a program that does not exist. */
export function resolveInvocation(calledAs: string, argv: readonly string[], programs: readonly Program[]): Invocation {
  const linked = /^t?lxc-(.+)$/.exec(basename(calledAs))?.[1]
  if (linked !== undefined) return { kind: 'program', program: requireProgram(linked, programs), argv }
  const [word, ...others] = argv
  switch (word) {
    case undefined:
      return { kind: 'overview', exitCode: 1 }
    case '-h':
    case '--help':
      return { kind: 'overview', exitCode: 0 }
    case '-?':
      return { kind: 'overview', exitCode: 1 }
    case 'version':
    case '--version':
      return { kind: 'version' }
    case 'help':
      return others[0] === undefined ? { kind: 'overview', exitCode: 0 } : { kind: 'help', program: requireProgram(others[0], programs) }
    default:
      if (word.startsWith('-')) throw new TlxcError('USAGE', `unrecognized option '${word}'`, { hint: 'tlxc help lists the commands' })
      return { kind: 'program', program: requireProgram(word, programs), argv: others }
  }
}

function requireProgram(name: string, programs: readonly Program[]): Program {
  const bare = name.replace(/^t?lxc-/, '')
  const program = programs.find((known) => known.name === bare)
  if (program) return program
  const near = nearest(
    bare,
    programs.map((known) => known.name),
  )
  const hint = near === undefined ? 'tlxc help lists the commands' : `did you mean "tlxc ${near}"?`
  throw new TlxcError('USAGE', `unknown command '${name}'`, { hint })
}

function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
