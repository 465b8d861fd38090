import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defineCommand, type Command, type Context, type ParsedArgs } from '../../../src/cli/command.ts'
import type { Program } from '../../../src/cli/registry.ts'
import { OutputClosed } from '../../../src/cli/report-error.ts'
import { TlxcError } from '../../../src/errors.ts'
import { LXC_LEVEL, VERSION } from '../../../src/version.ts'
import { makeFakeHost, runInProcess, type FakeHost, type RunOptions, type RunResult } from '../../helpers/run-program.ts'

let host: FakeHost
let seen: { args: ParsedArgs; ctx: Context } | null
/** What the command does. */
let act: (ctx: Context) => number | void

beforeEach(() => {
  host = makeFakeHost()
  seen = null
  act = () => undefined
})
afterEach(() => {
  host.remove()
})

function program(name: string, more: Partial<Command> = {}): Program {
  const command = defineCommand({
    name,
    summary: `do ${name}`,
    description: 'Does it.\n\nThoroughly.',
    options: { timeout: { short: 't', value: 'required', argument: 'T', describe: 'wait T seconds' } },
    examples: [{ command: `tlxc-${name} c1`, describe: 'Do it' }],
    run: (args, ctx) => {
      seen = { args, ctx }
      return Promise.resolve(act(ctx))
    },
    ...more,
  })
  return { name, group: 'Looking', summary: command.summary, load: () => Promise.resolve({ default: command }) }
}

const PROGRAMS = [
  program('stop'),
  program('start', { stopAtPositional: true, positionals: '[COMMAND...]' }),
  program('ls', { nameMode: 'none', positionals: '[REGEX]', json: true }),
  program('monitor', { nameMode: 'none', manyPaths: true, options: { name: { short: 'n', value: 'required', describe: 'regex' } } }),
  program('wait', { nameMode: 'optional' }),
]

function run(line: string, options: RunOptions = {}): Promise<RunResult> {
  const [calledAs = '', ...argv] = line.split(' ')
  return runInProcess(host, calledAs, argv, { programs: PROGRAMS, ...options })
}

describe('which program', () => {
  it.each([
    ['tlxc stop c1', 'tlxc-stop'],
    ['tlxc-stop c1', 'tlxc-stop'],
    ['/usr/local/bin/tlxc-stop c1', 'tlxc-stop'],
    ['lxc-stop c1', 'lxc-stop'],
    ['tlxc tlxc-stop c1', 'tlxc-stop'],
  ])('%s', async (line, name) => {
    expect((await run(line)).exitCode).toBe(0)
    expect(seen?.ctx.program).toBe(name)
    expect(seen?.ctx.name).toBe('c1')
  })

  it('says what it means when it does not know one', async () => {
    expect(await run('tlxc sotp c1')).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'tlxc: unknown command \'sotp\'\ntlxc: hint: did you mean "tlxc stop"?\n',
    })
    expect((await run('tlxc frobnicate')).stderr).toContain('hint: tlxc help lists the commands')
    expect((await run('tlxc --frobnicate')).stderr).toContain("unrecognized option '--frobnicate'")
  })

  it('tells its version: LXC clients want LXC’s', async () => {
    expect(await run('tlxc-stop --version')).toEqual({ exitCode: 0, stdout: `${VERSION}\n`, stderr: '' })
    expect((await run('tlxc version')).stdout).toBe(`${VERSION}\n`)
    expect((await run('lxc-stop --version')).stdout).toBe(`${LXC_LEVEL}\n`)
  })

  it('shows the overview', async () => {
    expect(await run('tlxc')).toMatchObject({ exitCode: 1, stdout: '' })
    expect(await run('tlxc help')).toMatchObject({ exitCode: 0, stdout: '' })
    expect((await run('tlxc --help')).stderr).toContain('Life of a container:\n  create ')
  })
})

describe('help', () => {
  it('goes to standard error; -h is a wish, -? a mistake', async () => {
    const asked = await run('tlxc-stop --help')
    expect(asked).toMatchObject({ exitCode: 0, stdout: '' })
    expect(asked.stderr).toContain('Usage: tlxc-stop {--name=NAME | NAME} [OPTION...]\n\nDoes it.\n\nThoroughly.\n')
    expect(asked.stderr).toContain('-t, --timeout=T')
    expect(await run('tlxc-stop -h')).toEqual(asked)
    expect(await run('tlxc help stop')).toEqual(asked)
    expect(await run('tlxc-stop -?')).toEqual({ ...asked, exitCode: 1 })
  })

  it('--usage is one line', async () => {
    const { exitCode, stderr } = await run('tlxc-stop --usage')
    expect(exitCode).toBe(0)
    expect(stderr).toMatch(/^Usage: tlxc-stop \[-n\|--name=NAME] \[-t\|--timeout=T] .*\[--version]\n$/)
  })

  it('a command may add to it', async () => {
    const create = program('create', {
      help: (args, ctx) => {
        ctx.stderr.write(`options of ${String(args.options.timeout)}\n`)
        return Promise.resolve()
      },
    })
    const { stderr } = await run('tlxc-create -t debian -h', { programs: [create] })
    expect(stderr.endsWith('options of debian\n')).toBe(true)
  })
})

describe('name', () => {
  it.each<[string, string, string[], string[] | null]>([
    ['tlxc-start c1', 'c1', [], null],
    ['tlxc-start -n c1', 'c1', [], null],
    ['tlxc-start --na c1 ls -t 5', 'c1', ['ls', '-t', '5'], null],
    ['tlxc-start c1 -t 5 ls -x', 'c1', ['ls', '-x'], null],
    ['tlxc-start ls -n c1', 'c1', ['ls'], null],
    ['tlxc-start c1 -- ls -x', 'c1', [], ['ls', '-x']],
    ['tlxc-start -- c1 ls', 'c1', [], ['ls']],
    ['tlxc-ls c.', '', ['c.'], null],
    ['tlxc-monitor -n c.*', 'c.*', [], null],
    ['tlxc-wait', '', [], null],
    ['tlxc-wait c1', 'c1', [], null],
  ])('%s', async (line, name, positionals, rest) => {
    expect(await run(line)).toEqual({ exitCode: 0, stdout: '', stderr: '' })
    expect(seen?.ctx.name).toBe(name)
    expect(seen?.args.positionals).toEqual(positionals)
    expect(seen?.args.rest).toEqual(rest)
  })

  it.each([
    ['tlxc-stop', 'No container name specified'],
    ['tlxc-stop c1 c2', "c1: unexpected argument 'c2'"],
    ['tlxc-stop c1 -- c2', "c1: unexpected argument 'c2'"],
    ['tlxc-stop --bogus', "unrecognized option '--bogus'"],
    ['tlxc-stop c1 -P a -P b', 'c1: This command only accepts 1 -P,--lxcpath arguments'],
    ['tlxc-stop c1 -P ', "c1: option '--lxcpath' is empty"],
    ['tlxc-stop c1 -l LOUD', "c1: invalid log priority 'LOUD'"],
    ['tlxc-stop c1 --lock-timeout soon', "c1: invalid value 'soon' of --lock-timeout"],
  ])('%s is refused in one line and a hint', async (line, message) => {
    const { exitCode, stdout, stderr } = await run(line)
    expect(exitCode).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^tlxc-stop: .*\ntlxc-stop: hint: .*\n$/)
    expect(stderr.split('\n')[0]).toBe(`tlxc-stop: ${message}`)
    expect(seen).toBeNull()
  })
})

describe('common options', () => {
  it('lxcpath is absolute and without trailing slashes', async () => {
    await run('tlxc-stop c1')
    expect(seen?.ctx.lxcpath).toBe(`${host.root}/var/lib/tlxc`)
    await run('tlxc-stop c1 -P /srv/c///')
    expect(seen?.ctx.lxcpath).toBe('/srv/c')
    await run('tlxc-stop c1 -P sub/', { cwd: '/srv' })
    expect(seen?.ctx.lxcpath).toBe('/srv/sub')
    await run('tlxc-monitor -P /a -P /b')
    expect(seen?.args.options.lxcpath).toEqual(['/a', '/b'])
  })

  it('lxcpath may come from the system configuration; -P goes before it', async () => {
    writeFileSync(host.paths.systemConfig, '# comment\nlxc.lxcpath = /srv/containers\n')
    await run('tlxc-stop c1')
    expect(seen?.ctx.lxcpath).toBe('/srv/containers')
    await run('tlxc-stop c1 -P /other')
    expect(seen?.ctx.lxcpath).toBe('/other')
    writeFileSync(host.paths.systemConfig, '#lxc.lxcpath = /srv/containers\n')
    await run('tlxc-stop c1')
    expect(seen?.ctx.lxcpath).toBe(`${host.root}/var/lib/tlxc`)
    writeFileSync(host.paths.systemConfig, 'lxc.lxcpath = relative\n')
    const { exitCode, stderr } = await run('tlxc-stop c1')
    expect(exitCode).toBe(1)
    expect(stderr).toContain(`tlxc.conf:1": lxc.lxcpath`)
  })

  it('--rcfile is an option of the programs that read the file only', async () => {
    expect(await run('tlxc-stop c1 --rcfile x')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("unrecognized option '--rcfile'") as string })
    const start = program('start', { options: { rcfile: { short: 'f', value: 'required', describe: 'read FILE' } } })
    expect((await run('tlxc-start c1 -f x', { programs: [start] })).stderr).toBe('')
    expect(seen?.args.options.rcfile).toBe('x')
  })

  it('waits for locks as long as told', async () => {
    await run('tlxc-stop c1')
    expect(seen?.ctx.lockTimeoutMs).toBe(30_000)
    await run('tlxc-stop c1 --lock-timeout 1.5')
    expect(seen?.ctx.lockTimeoutMs).toBe(1500)
  })

  it('logs to a file in LXC’s shape, by priority; to standard error what people should see', async () => {
    host = Object.assign(host, { now: () => Date.UTC(2024, 4, 17, 13, 5, 1, 7) })
    act = ({ log }) => {
      log.debug('details')
      log.info('progress')
      log.warn('odd')
      log.error('bad')
    }
    const { stderr } = await run(`tlxc-stop c1 -o ${host.root}/log -l info`)
    expect(stderr).toBe('tlxc-stop: c1: warning: odd\ntlxc-stop: c1: bad\n')
    expect(readFileSync(`${host.root}/log`, 'utf8')).toBe(
      'tlxc-stop c1 20240517130501.007 INFO     stop - progress\n' +
        'tlxc-stop c1 20240517130501.007 WARN     stop - odd\n' +
        'tlxc-stop c1 20240517130501.007 ERROR    stop - bad\n',
    )
    expect((await run('tlxc-stop c1 -q -l DEBUG')).stderr).toBe('')
    expect(readFileSync(`${host.root}/var/log/tlxc/c1.log`, 'utf8')).toContain(' DEBUG    stop - details\n')
    await run('tlxc-stop ../../../c1 -l DEBUG')
    expect(readFileSync(`${host.root}/var/log/tlxc/tlxc-stop.log`, 'utf8')).toContain('details')
  })

  it('refuses a log file that it cannot open', async () => {
    const { exitCode, stderr } = await run('tlxc-stop c1 -o /nonexistent/log')
    expect(exitCode).toBe(1)
    expect(stderr).toContain('tlxc-stop: c1: cannot open log file "/nonexistent/log": ENOENT\ntlxc-stop: hint: ')
  })
})

describe('errors', () => {
  it('become one line and a hint, with their own exit code', async () => {
    act = () => {
      throw new TlxcError('NOT_RUNNING', 'cannot stop "c1": it is not running', { hint: 'start it', exitCode: 2 })
    }
    expect(await run('tlxc-stop c1')).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'tlxc-stop: c1: cannot stop "c1": it is not running\ntlxc-stop: hint: start it\n',
    })
    expect(await run('tlxc-stop c1 -q')).toEqual({ exitCode: 2, stdout: '', stderr: '' })
  })

  it('are one JSON object on standard error with --json', async () => {
    act = () => {
      throw new TlxcError('CONFIG', 'cannot list: "x"', { hint: 'mend it' })
    }
    const { exitCode, stdout, stderr } = await run('tlxc-ls --json')
    expect([exitCode, stdout]).toEqual([1, ''])
    expect(stderr.endsWith('\n')).toBe(true)
    expect(JSON.parse(stderr)).toEqual({
      schema: 'tlxc/error/1',
      program: 'tlxc-ls',
      error: { code: 'CONFIG', message: 'cannot list: "x"', hint: 'mend it' },
    })
    expect(JSON.parse((await run('tlxc-ls --json --bogus')).stderr)).toMatchObject({ error: { code: 'USAGE' } })
    expect((await run('tlxc-stop --json c1')).stderr).toContain('unrecognized option')
  })

  it('show a stack only when they are bugs, even with --quiet', async () => {
    act = () => {
      throw new TypeError('x is not a function')
    }
    for (const line of ['tlxc-stop c1', 'tlxc-stop c1 -q']) {
      const { exitCode, stderr } = await run(line)
      expect(exitCode).toBe(1)
      expect(stderr).toMatch(/^tlxc-stop: c1: internal error: TypeError: x is not a function\n {4}at .*this is a bug/s)
    }
  })

  it('show no stack for a full or broken disk, wherever it showed', async () => {
    act = () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, open \'/x/y\''), { code: 'ENOSPC', syscall: 'open', path: '/x/y' })
    }
    const { exitCode, stderr } = await run('tlxc-stop c1')
    expect(exitCode).toBe(1)
    expect(stderr).toBe('tlxc-stop: c1: cannot open "/x/y": no space left\ntlxc-stop: hint: make room on that filesystem, and try again\n')
    expect(JSON.parse((await run('tlxc-ls --json')).stderr)).toMatchObject({ error: { code: 'SPACE' } })
  })

  it('end quietly when nobody reads the output any more, as by SIGPIPE', async () => {
    act = () => {
      throw new OutputClosed()
    }
    expect(await run('tlxc-stop c1')).toEqual({ exitCode: 141, stdout: '', stderr: '' })
  })

  it('hints are dim on a terminal that wants colours', async () => {
    const dimmed = (await run('tlxc-stop', { columns: 80, env: { TERM: 'xterm' } })).stderr
    expect(dimmed).toContain('\x1b[2mtlxc-stop: hint: ')
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) expect((await run('tlxc-stop', { columns: 80, env })).stderr).not.toContain('\x1b')
    expect((await run('tlxc-stop', { env: { TERM: 'xterm' } })).stderr).not.toContain('\x1b')
  })

  it('keep the exit code that the command returned', async () => {
    act = () => 137
    expect((await run('tlxc-stop c1')).exitCode).toBe(137)
  })
})

it('the version is the one of package.json', () => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  expect(manifest).toMatchObject({ version: VERSION })
})
