/** tlxc-start */
import { defineCommand, type Context, type ParsedArgs } from '../cli/command.ts'
import { containerAt, type Container } from '../container/store.ts'
import type { StartOptions } from '../container/start-options.ts'
import { TlxcError } from '../errors.ts'
import { pathOption, RUN_OPTIONS, runOptions } from './run-options.ts'

export default defineCommand({
  name: 'start',
  summary: 'start a container',
  positionals: '[--] [COMMAND...]',
  description:
    'Runs COMMAND, lxc.init.cmd or /sbin/init as the first process of the container. Without -F it returns when the container is RUNNING; ' +
    'with -F it stays with this terminal and ends with the container. A container that runs already is left alone, exit status 0.\n\n' +
    'A network that is plugged into the managed bridge brings it up. An undefined NAME with -f FILE is a volatile container: it is gone when it stops.',
  stopAtPositional: true,
  json: true,
  options: {
    daemon: { short: 'd', value: 'none', describe: 'run in the background (the default)' },
    foreground: { short: 'F', value: 'none', describe: 'stay with this terminal' },
    pidfile: { short: 'p', value: 'required', argument: 'FILE', complete: 'file', describe: 'write the process id of the monitor to FILE' },
    ...RUN_OPTIONS,
    console: { short: 'c', value: 'required', argument: 'FILE', complete: 'file', describe: 'connect the console to this file or terminal' },
    'console-log': { short: 'L', value: 'required', argument: 'FILE', complete: 'file', describe: 'log what the console shows to FILE' },
    'close-all-fds': { short: 'C', value: 'none', describe: 'close every inherited descriptor (always so)' },
    explain: { value: 'none', describe: 'show what would be done, as JSON, and start nothing' },
  },
  examples: [
    { command: 'tlxc-start c1', describe: 'Start c1' },
    { command: 'tlxc-start c1 -F', describe: 'With its console on this terminal' },
    { command: 'tlxc-start c1 -s lxc.cgroup2.memory.max=1G', describe: 'With a limit for this time' },
    { command: 'tlxc-start c1 --explain', describe: 'The finished plan: namespaces, mounts, devices, network' },
  ],
  async run(args, ctx) {
    const container = containerAt(ctx.host, ctx.lxcpath, ctx.name)
    const options = startOptions(args, ctx)
    return args.options['explain'] === true ? await explain(ctx, container, options) : await start(ctx, container, options)
  },
})

async function start(ctx: Context, container: Container, options: StartOptions): Promise<number> {
  const { startContainer } = await import('../container/start.ts')
  const result = await startContainer(ctx, container, options).catch((error: unknown) => {
    if (error instanceof TlxcError && error.code === 'START') ctx.log.info('The container failed to start')
    throw error
  })
  if (result.kind === 'already-running') ctx.log.error('Container is already running')
  if (ctx.json) {
    const { renderJson } = await import('../render/json.ts')
    ctx.stdout.write(renderJson('start', { name: container.name, lxcpath: container.lxcpath, ...resultJson(result) }))
  }
  return result.kind === 'ended' ? result.exitCode : 0
}

function resultJson(result: { kind: string; initPid?: number; exitCode?: number }): object {
  return { result: result.kind, init_pid: result.initPid ?? null, exit_code: result.exitCode ?? null }
}

async function explain(ctx: Context, container: Container, options: StartOptions): Promise<number> {
  const { planStart } = await import('../container/start.ts')
  const { plan } = await planStart(ctx, container, options, { touch: false })
  ctx.stdout.write(`${JSON.stringify({ schema: 'tlxc/plan/1', ...plan }, null, ctx.json ? 0 : 2)}\n`)
  return 0
}

function startOptions(args: ParsedArgs, ctx: Context): StartOptions {
  const { options } = args
  if (options['daemon'] === true && options['foreground'] === true) {
    throw new TlxcError('USAGE', 'cannot start in the background and in the foreground at once', { hint: 'give -d or -F' })
  }
  const console = options['console'] === 'none' ? { consolePath: 'none' } : pathOption(options['console'], ctx, 'consolePath')
  return {
    execute: false,
    foreground: options['foreground'] === true,
    ...runOptions(args, ctx),
    ...pathOption(options['pidfile'], ctx, 'pidfile'),
    ...pathOption(options['console-log'], ctx, 'consoleLog'),
    ...console,
  }
}
