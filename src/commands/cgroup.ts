/** tlxc-cgroup: read or set a file of a container's cgroup. */
import { defineCommand } from '../cli/command.ts'
import { readCgroupFile, writeCgroupFile } from '../container/cgroup-access.ts'
import { notRunning } from '../container/require.ts'
import { containerStatus } from '../container/state.ts'
import { containerAt } from '../container/store.ts'
import { TlxcError } from '../errors.ts'
import { renderJson } from '../render/json.ts'
import { loadRcfile, RCFILE } from './rcfile.ts'

export default defineCommand({
  name: 'cgroup',
  summary: 'read or set a cgroup value of a running container',
  positionals: 'FILE [VALUE]',
  description:
    'Prints FILE of the cgroup that limits the container, or writes VALUE to it; it lasts until the container stops. The part of FILE before the first dot ' +
    'tells the hierarchy. devices.allow and devices.deny change the device rules on cgroup v2, too.',
  options: { rcfile: RCFILE },
  examples: [
    { command: 'tlxc-cgroup c1 pids.max', describe: 'How many processes c1 may have' },
    { command: 'tlxc-cgroup c1 memory.max 256M', describe: 'Limit its memory (cgroup v2)' },
  ],
  json: true,
  async run(args, ctx) {
    const [file, value, extra] = [...args.positionals, ...(args.rest ?? [])]
    if (file === undefined || extra !== undefined) {
      throw new TlxcError('USAGE', file === undefined ? 'no cgroup file' : `unexpected argument '${extra ?? ''}'`, { hint: `${ctx.program} NAME FILE [VALUE]` })
    }
    const container = containerAt(ctx.host, ctx.lxcpath, ctx.name)
    await loadRcfile(args, ctx, container)
    const status = await containerStatus(ctx.host, container, { onKilled: ctx.log.warn })
    if (!status) throw notRunning(container)
    if (value !== undefined) return await writeCgroupFile(ctx.host, container, status, file, value)
    const text = readCgroupFile(ctx.host, status, file)
    // The value with its own newline and one more, as lxc-cgroup prints it.
    ctx.stdout.write(ctx.json ? renderJson('cgroup', { name: container.name, file, value: text.trimEnd() }) : `${text}\n`)
  },
})
