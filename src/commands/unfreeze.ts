/** tlxc-unfreeze: let the processes of a frozen container go on. */
import { defineCommand } from '../cli/command.ts'
import { unfreezeContainer } from '../container/freeze.ts'
import { requireContainer } from '../container/require.ts'
import { containerStatus } from '../container/state.ts'
import { loadRcfile, RCFILE } from './rcfile.ts'

export default defineCommand({
  name: 'unfreeze',
  summary: 'thaw a frozen container',
  description: 'Thaws every process of a container and returns when all of them run. Thawing a container that is not frozen, or not running, is no error.',
  options: { rcfile: RCFILE },
  examples: [{ command: 'tlxc-unfreeze c1', describe: 'Let c1 go on' }],
  async run(args, ctx) {
    const container = await requireContainer(ctx.host, ctx.lxcpath, ctx.name, 'defined', ctx.log.warn)
    await loadRcfile(args, ctx, container)
    // As lxc-unfreeze: nothing to thaw is no failure.
    if (await containerStatus(ctx.host, container, { onKilled: ctx.log.warn })) await unfreezeContainer(ctx.host, container)
  },
})
