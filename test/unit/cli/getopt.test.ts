import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Options, ParsedArgs } from '../../../src/cli/command.ts'
import { parseArguments } from '../../../src/cli/getopt.ts'
import { TlxcError } from '../../../src/errors.ts'

const OPTIONS: Options = {
  kill: { short: 'k', value: 'none', describe: '' },
  reboot: { short: 'r', value: 'none', describe: '' },
  nokill: { value: 'none', describe: '' },
  nolock: { value: 'none', describe: '' },
  name: { short: 'n', value: 'required', describe: '' },
  state: { short: 's', value: 'required', describe: '' },
  stats: { short: 'S', value: 'none', describe: '' },
  'set-var': { short: 'v', value: 'required', repeat: true, describe: '' },
  'elevated-privileges': { short: 'e', value: 'optional', describe: '' },
  line: { short: '1', value: 'none', describe: '' },
}

function parse(...argv: string[]): ParsedArgs {
  return parseArguments(argv, OPTIONS)
}

describe('parseArguments', () => {
  it.each<[string[], Record<string, unknown>, string[], string[] | null]>([
    [[], {}, [], null],
    [['-k'], { kill: true }, [], null],
    [['-kr'], { kill: true, reboot: true }, [], null],
    [['-n', 'c1'], { name: 'c1' }, [], null],
    [['-nc1'], { name: 'c1' }, [], null],
    [['-krnc1'], { kill: true, reboot: true, name: 'c1' }, [], null],
    [['-krn', 'c1'], { kill: true, reboot: true, name: 'c1' }, [], null],
    [['-n', '-k'], { name: '-k' }, [], null],
    [['-n', '--'], { name: '--' }, [], null],
    [['-n', ''], { name: '' }, [], null],
    [['--name=c1'], { name: 'c1' }, [], null],
    [['--name=a=b'], { name: 'a=b' }, [], null],
    [['--name='], { name: '' }, [], null],
    [['--name', 'c1'], { name: 'c1' }, [], null],
    [['--na', 'c1', '--ki'], { name: 'c1', kill: true }, [], null],
    [['-n', 'a', '-n', 'b'], { name: 'b' }, [], null],
    [['-v', 'A=1', '--set-var=B=2'], { 'set-var': ['A=1', 'B=2'] }, [], null],
    [['-e', 'CGROUP'], { 'elevated-privileges': '' }, ['CGROUP'], null],
    [['-eCGROUP'], { 'elevated-privileges': 'CGROUP' }, [], null],
    [['--elevated-privileges=CAP'], { 'elevated-privileges': 'CAP' }, [], null],
    [['--elevated-privileges', 'CAP'], { 'elevated-privileges': '' }, ['CAP'], null],
    [['-1'], { line: true }, [], null],
    [['c1', '-k', 'x', '-r'], { kill: true, reboot: true }, ['c1', 'x'], null],
    [['c1', '--', '-k', '--', 'x'], {}, ['c1'], ['-k', '--', 'x']],
    [['--'], {}, [], []],
    [['-'], {}, ['-'], null],
    [[''], {}, [''], null],
  ])('%j', (argv, options, positionals, rest) => {
    expect(parse(...argv)).toEqual({ options, positionals, rest })
  })

  it('of two that exclude each other the last one counts', () => {
    const two: Options = { clear: { value: 'none', describe: '' }, keep: { value: 'none', cancels: 'clear', describe: '' } }
    expect(parseArguments(['--clear', '--keep'], two).options.clear).toBeUndefined()
    expect(parseArguments(['--keep', '--clear'], two).options.clear).toBe(true)
  })

  it.each([
    [['--bogus'], "unrecognized option '--bogus'"],
    [['--bogus=1'], "unrecognized option '--bogus'"],
    [['--=x'], "unrecognized option '--'"],
    [['---'], "unrecognized option '---'"],
    [['--st'], "option '--st' is ambiguous; possibilities: '--state' '--stats'"],
    [['--no'], "option '--no' is ambiguous; possibilities: '--nokill' '--nolock'"],
    [['--kill=yes'], "option '--kill' doesn't allow an argument"],
    [['--ki=yes'], "option '--kill' doesn't allow an argument"],
    [['--name'], "option '--name' requires an argument"],
    [['-n'], "option requires an argument -- 'n'"],
    [['-kn'], "option requires an argument -- 'n'"],
    [['-x'], "invalid option -- 'x'"],
    [['-kx'], "invalid option -- 'x'"],
    [['--constructor'], "unrecognized option '--constructor'"],
  ])('refuses %j in the words of getopt_long', (argv, message) => {
    expect(() => parse(...argv)).toThrow(new TlxcError('USAGE', message))
  })

  it('stops at a command when told so', () => {
    const rules = { stopAfter: (given: Readonly<Record<string, unknown>>): number => (given.name === undefined ? 1 : 0) }
    const command = (...argv: string[]): ParsedArgs => parseArguments(argv, OPTIONS, rules)
    expect(command('c1', '-k', 'ls', '-r', '--x')).toEqual({ options: { kill: true }, positionals: ['c1', 'ls', '-r', '--x'], rest: null })
    expect(command('-n', 'c1', 'ls', '--', '-r')).toEqual({ options: { name: 'c1' }, positionals: ['ls', '--', '-r'], rest: null })
    expect(command('ls', '-n', 'c1', '-k')).toEqual({ options: { name: 'c1', kill: true }, positionals: ['ls'], rest: null })
    expect(command('c1', '--', 'ls', '-r')).toEqual({ options: {}, positionals: ['c1'], rest: ['ls', '-r'] })
  })

  const word = fc.string({ minLength: 1 }).filter((text) => !text.startsWith('-'))

  it('every spelling of a value means the same', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const expected = { name: value }
        expect(parse(`--name=${value}`).options).toEqual(expected)
        expect(parse('--name', value).options).toEqual(expected)
        expect(parse('-n', value).options).toEqual(expected)
        if (value !== '') expect(parse(`-n${value}`).options).toEqual(expected)
      }),
    )
  })

  it('options and positionals may be mixed in any order', () => {
    const piece = fc.oneof(
      fc.constantFrom(['-k'], ['--kill'], ['--nok'], ['-kr']),
      fc.tuple(fc.constantFrom('-n', '--name'), fc.string()),
      word.map((text) => [text]),
    )
    fc.assert(
      fc.property(fc.array(piece), fc.array(fc.string()), (pieces, rest) => {
        const parsed = parse(...pieces.flat(), '--', ...rest)
        expect(parsed.positionals).toEqual(pieces.filter((one) => one.length === 1 && !one[0]?.startsWith('-')).flat())
        expect(parsed.rest).toEqual(rest)
        expect(parsed.options.name).toEqual(pieces.findLast((one) => one.length === 2)?.[1])
      }),
    )
  })

  it('never fails but with a usage error', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.string().map((text) => `-${text}`), fc.string().map((text) => `--${text}`))), (argv) => {
        try {
          parse(...argv)
        } catch (error) {
          expect(error).toMatchObject({ code: 'USAGE' })
        }
      }),
    )
  })

  it('every abbreviation that only one option has is that option', () => {
    const keys = Object.keys(OPTIONS)
    for (const key of keys) {
      for (let length = 1; length < key.length; length++) {
        const short = key.slice(0, length)
        if (keys.filter((other) => other.startsWith(short)).length > 1) continue
        const takesValue = OPTIONS[key]?.value !== 'none'
        expect(Object.keys(parse(takesValue ? `--${short}=x` : `--${short}`).options)).toEqual([key])
      }
    }
  })
})
