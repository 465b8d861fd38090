/** tlxc-freeze: stop every process of a container where it is. */
import { defineCommand } from '../cli/command.ts'
import { freezeContainer } from '../container/freeze.ts'
import { requireContainer } from '../container/require.ts'
import { loadRcfile, RCFILE } from './rcfile.ts'

export default defineCommand({
  name: 'freeze',
  summary: 'freeze every process of a container',
  description: 'Freezes every process of a running container and returns when all of them are frozen. Freezing a frozen container is no error.',
  options: { rcfile: RCFILE },
  examples: [{ command: 'tlxc-freeze c1', describe: 'Freeze c1' }],
  async run(args, ctx) {
    const container = await requireContainer(ctx.host, ctx.lxcpath, ctx.name, 'running', ctx.log.warn)
    await loadRcfile(args, ctx, container)
    await freezeContainer(ctx.host, container)
  },
})
