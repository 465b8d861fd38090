/** tlxc-destroy */
import { defineCommand, type Context, type ParsedArgs } from '../cli/command.ts'
import { destroyContainer } from '../container/destroy.ts'
import { purgeTrash, undoDestroy } from '../container/trash.ts'
import { TlxcError } from '../errors.ts'
import { renderJson } from '../render/json.ts'
import { RCFILE, rcfilePath } from './rcfile.ts'

export default defineCommand({
  name: 'destroy',
  summary: 'destroy a container and its files',
  description:
    'Destroys a stopped container: its configuration and its root file system. It refuses when the container is running, has snapshots, ' +
    'has clones, or when something is mounted in its directory.\n\n' +
    'What is destroyed is in the trash first, for as long as trash.keep of tlxc.conf(5) says (a day), and --undo brings it back with its snapshots. ' +
    '--purge leaves the trash out; so do ephemeral containers, and those whose root file system lies elsewhere (--dir). Clones keep the layers that they use.',
  options: {
    force: { short: 'f', value: 'none', describe: 'Stop it first if it is running' },
    snapshots: { short: 's', value: 'none', describe: 'Destroy its snapshots, too, and although it has clones, which keep their files' },
    purge: { value: 'none', describe: 'For good: it cannot be brought back' },
    undo: { value: 'none', describe: 'Bring the container of this name that was destroyed last back' },
    'empty-trash': { value: 'none', describe: 'Delete everything that could be brought back; needs no name' },
    rcfile: RCFILE,
    made: { value: 'required', argument: 'MADE', describe: 'Only the container that was made so; what a monitor gives for an ephemeral one', hidden: true },
  },
  nameMode: 'optional',
  examples: [
    { command: 'tlxc-destroy web', describe: 'Destroy the stopped container web' },
    { command: 'tlxc-destroy -f -s web', describe: 'Stop it, and destroy it with its snapshots' },
    { command: 'tlxc-destroy --undo web', describe: 'That was a mistake: bring it back' },
    { command: 'tlxc-destroy --empty-trash', describe: 'Make room' },
  ],
  json: true,

  async run(args, ctx) {
    const { options } = args
    refuse(args, ctx.name)
    if (options['empty-trash'] === true) return emptyTrash(ctx)
    if (ctx.name === '') throw new TlxcError('USAGE', 'No container name specified', { hint: `give it as the first argument: ${ctx.program} NAME` })
    if (options.undo === true) {
      const { name, lxcpath } = await undoDestroy(ctx.host, ctx.lxcpath, ctx.name, ctx.lockTimeoutMs)
      if (ctx.json) ctx.stdout.write(renderJson('destroy', { container: { name, lxcpath, kept: null, undoable: false }, purged: [] }))
      return
    }
    const container = await destroyContainer(ctx, {
      name: ctx.name,
      lxcpath: ctx.lxcpath,
      force: options.force === true,
      snapshots: options.snapshots === true,
      purge: options.purge === true,
      ...rcfilePath(args, ctx),
      ...(typeof options.made === 'string' ? { made: options.made } : {}),
    })
    if (ctx.json) ctx.stdout.write(renderJson('destroy', { container, purged: [] }))
  },
})

/** What is told to bring back must not be deleted by another word on the line, nor the whole trash for one name. */
function refuse({ options }: ParsedArgs, name: string): void {
  const [task, second] = ['empty-trash', 'undo'].filter((key) => options[key] === true)
  if (task === undefined) return
  const stray = second ?? ['force', 'snapshots', 'purge', 'rcfile'].find((key) => options[key] !== undefined)
  if (stray !== undefined) throw new TlxcError('USAGE', `--${stray} means nothing with --${task}`, { hint: 'give one of them' })
  if (task === 'empty-trash' && name !== '') throw new TlxcError('USAGE', `cannot empty the trash of "${name}" alone: --empty-trash deletes everything in it`, { hint: 'leave the name out, if that is meant' })
}

async function emptyTrash(ctx: Context): Promise<void> {
  const purged = await purgeTrash(ctx.host, ctx.lxcpath)
  if (ctx.json) ctx.stdout.write(renderJson('destroy', { container: null, purged }))
}
