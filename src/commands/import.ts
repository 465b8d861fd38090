/** tlxc-import */
import { resolve } from 'node:path'
import { isatty } from 'node:tty'
import { defineCommand } from '../cli/command.ts'
import { importContainer } from '../container/import.ts'
import { TlxcError } from '../errors.ts'
import { renderJson } from '../render/json.ts'

export default defineCommand({
  name: 'import',
  summary: 'make a container of what tlxc-export wrote',
  positionals: '[FILE|-] [NEWNAME]',
  description:
    'Makes a container of an archive of tlxc-export, under its old name or NEWNAME. FILE is - or left out: standard input. Nothing gets a name ' +
    'before the whole archive was read and all its checksums were right; what fails leaves nothing behind. The container gets its own range of ids; under another name also ' +
    'hardware addresses, a host name and a machine-id of its own. An archive of a snapshot makes a container with that snapshot.\n\n' +
    'An archive that was exported with --since is applied to the container of that name, which must be stopped and have the layers that the archive rests on; no ' +
    'other container\'s layers are used. What the container was is put aside as with a restore: tlxc-snapshot --undo takes it back. Its configuration stays.\n\n' +
    'An archive may come from anybody: names that lead out of the container, links that would be written through, redirects, damaged or cut-off files and what is larger than the ' +
    'free space are refused. So are, without --trust, device nodes that no container needs, and a configuration that reaches beyond the container: hooks, ' +
    'mounts of this machine\'s files, a container without its own ids, weakened security.',
  nameMode: 'none',
  options: {
    newname: { short: 'N', value: 'required', argument: 'NEWNAME', describe: 'Name of the container (default that of the archive)' },
    trust: { value: 'none', describe: 'Take a configuration and device nodes that reach beyond the container' },
  },
  examples: [
    { command: 'tlxc-import web.tlxc', describe: 'The container web as it was exported' },
    { command: 'tlxc-import web.tlxc web2', describe: 'Under another name' },
    { command: 'ssh other tlxc-export web snap0 - | tlxc-import -', describe: 'From another machine' },
  ],
  json: true,

  async run(args, ctx) {
    const [file = '-', second, third] = args.positionals
    const { newname } = args.options
    if (third !== undefined || (second !== undefined && newname !== undefined)) {
      throw new TlxcError('USAGE', `unexpected argument '${third ?? second ?? ''}'`, { hint: 'tlxc-import [FILE] [NEWNAME]; - is standard input' })
    }
    // Not ctx.stdin: to look at it would make the pipe non-blocking, also for zstd, which reads it.
    if (file === '-' && isatty(0)) throw new TlxcError('USAGE', 'no archive is given: standard input is a terminal', { hint: 'name a file, or send an archive to standard input' })
    const imported = await importContainer(ctx, {
      lxcpath: ctx.lxcpath,
      file: file === '-' ? null : resolve(ctx.cwd, file),
      name: typeof newname === 'string' ? newname : (second ?? null),
      trust: args.options.trust === true,
    })
    if (!ctx.json) return
    const { name, lxcpath, snapshot, since, layers, files, bytes } = imported
    ctx.stdout.write(renderJson('import', { container: name, lxcpath, snapshot, since, layers, files, bytes }))
  },
})
