/** tlxc-execute */
import { defineCommand } from '../cli/command.ts'
import { containerAt } from '../container/store.ts'
import { parseId, RUN_OPTIONS, runOptions } from './run-options.ts'

export default defineCommand({
  name: 'execute',
  summary: 'run one program in a container of its own',
  positionals: '[--] [COMMAND...]',
  description:
    'Starts the container with COMMAND, or lxc.execute.cmd, instead of an init. A small process of tlxc is PID 1: it passes signals on and ' +
    'collects orphans. The container ends with COMMAND, and its exit status is that of tlxc-execute, 128+N when signal N ended it. Standard ' +
    'streams that are terminals are replaced by the console of the container; files and pipes are passed as they are.',
  stopAtPositional: true,
  options: {
    daemon: { short: 'd', value: 'none', describe: 'run in the background' },
    ...RUN_OPTIONS,
    uid: { short: 'u', value: 'required', argument: 'UID', describe: 'user id inside' },
    gid: { short: 'g', value: 'required', argument: 'GID', describe: 'group id inside' },
  },
  examples: [
    { command: 'tlxc-execute c1 -- make -C /src', describe: 'Run a build in c1' },
    { command: 'tlxc-execute c1 -u 1000 -g 1000 -- id', describe: 'As another user' },
  ],
  async run(args, ctx) {
    const container = containerAt(ctx.host, ctx.lxcpath, ctx.name)
    const { executeInContainer } = await import('../container/execute.ts')
    return await executeInContainer(ctx, container, {
      ...runOptions(args, ctx),
      ...optional('uid', parseId('uid', args.options['uid'])),
      ...optional('gid', parseId('gid', args.options['gid'])),
      foreground: args.options['daemon'] !== true,
    })
  },
})

function optional<K extends string>(key: K, value: number | undefined): { [P in K]?: number } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: number }
}
