/** tlxc-export */
import { resolve } from 'node:path'
import { defineCommand, type Context, type ParsedArgs } from '../cli/command.ts'
import { exportContainer } from '../container/export.ts'
import { containerAt } from '../container/store.ts'
import { TlxcError } from '../errors.ts'
import { renderJson } from '../render/json.ts'

const DEFAULT_LEVEL = 3

export default defineCommand({
  name: 'export',
  summary: 'write a container or a snapshot into one file',
  positionals: '[SNAP] FILE|-',
  description:
    'Writes a container, or its snapshot SNAP, with its configuration into FILE, or to standard output (-), for tlxc-import here or on another machine. ' +
    'The container itself must be stopped; a snapshot can be exported while it runs, and the container is not held up by it. Everything of the files goes along: owners, times, ' +
    'extended attributes, file capabilities, access control lists, device nodes, hard links, holes; not sockets. FILE is complete, or it is not there; for a device or pipe give - and send that there.\n\n' +
    'With --since only the layers that came after that snapshot are written. The other machine needs a container that was imported from an archive with that ' +
    'snapshot, or brought up to it. So snapshots and tlxc-export --since make an incremental replication.\n\n' +
    'The format is a tar archive in zstd: manifest.json, the layers from the bottom up as tar archives in pieces, and SHA256SUMS. ' +
    '"zstd -dc FILE | tar xO --wildcards \'layers/*\' | tar tvi" lists the files of all layers.',
  options: {
    since: { value: 'required', argument: 'SNAP', describe: 'Only what came after this snapshot' },
    force: { short: 'f', value: 'none', describe: 'Replace FILE when it exists' },
    level: { value: 'required', argument: 'LEVEL', describe: 'How hard zstd compresses, 1 to 19 (default 3)' },
  },
  examples: [
    { command: 'tlxc-export web web.tlxc', describe: 'The stopped container web into a file' },
    { command: 'tlxc-export web snap0 - | ssh backup tlxc-import -', describe: 'A snapshot to another machine, where it becomes a container with that snapshot' },
    { command: 'tlxc-export web snap1 --since snap0 - | ssh backup tlxc-import -', describe: 'Later: only what is new' },
  ],
  json: true,

  async run(args, ctx) {
    const { snapshot, file } = places(args)
    if (file === '-' && ctx.stdout.isTTY) throw new TlxcError('USAGE', 'will not write an archive to a terminal', { hint: 'name a file, or send it to another program' })
    if (file === '-' && ctx.json) throw new TlxcError('USAGE', 'cannot write an archive and JSON to standard output', { hint: 'name a file, or leave --json out' })
    const { since } = args.options
    const exported = await exportContainer(ctx, containerAt(ctx.host, ctx.lxcpath, ctx.name), {
      snapshot,
      since: typeof since === 'string' ? since : null,
      file: file === '-' ? null : resolve(ctx.cwd, file),
      overwrite: args.options.force === true,
      level: parseLevel(args),
    })
    if (ctx.json) report(ctx, exported)
  },
})

function places({ positionals }: ParsedArgs): { snapshot: string | null; file: string } {
  const [first, second, third] = positionals
  if (first === undefined || third !== undefined) throw new TlxcError('USAGE', first === undefined ? 'no file is given' : `unexpected argument '${third}'`, { hint: 'tlxc-export NAME [SNAP] FILE; - is standard output' })
  return second === undefined ? { snapshot: null, file: first } : { snapshot: first, file: second }
}

function parseLevel({ options: { level } }: ParsedArgs): number {
  if (level === undefined) return DEFAULT_LEVEL
  const value = typeof level === 'string' && /^\d{1,2}$/.test(level) ? Number(level) : 0
  if (value < 1 || value > 19) throw new TlxcError('USAGE', `invalid value '${String(level)}' of --level`, { hint: 'give a number from 1 to 19' })
  return value
}

function report(ctx: Context, { name, snapshot, since, file, layers, bytes }: Awaited<ReturnType<typeof exportContainer>>): void {
  ctx.stdout.write(renderJson('export', { container: name, lxcpath: ctx.lxcpath, snapshot, since, file, layers, bytes }))
}
