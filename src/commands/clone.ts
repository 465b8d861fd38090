/** tlxc-clone: tlxc-copy with the options of lxc-clone (LXC 1.x), for scripts that know those. */
import { resolve } from 'node:path'
import { defineCommand } from '../cli/command.ts'
import { TlxcError } from '../errors.ts'
import { realPath } from '../host/real-path.ts'

export default defineCommand({
  name: 'clone',
  summary: 'copy or clone a container, with the options of lxc-clone',
  positionals: 'ORIG NEW [-- HOOK-OPTION...]',
  description: 'Does what tlxc-copy(1) does, with the options of the older lxc-clone: note that -p is where the original is, and -P where the new one goes.',
  options: {
    orig: { short: 'o', value: 'required', argument: 'ORIG', describe: 'Name of the original', complete: 'container' },
    new: { short: 'n', value: 'required', argument: 'NEW', describe: 'Name of the copy' },
    snapshot: { short: 's', value: 'none', describe: 'Share the layers of the original' },
    backingstore: { short: 'B', value: 'required', argument: 'TYPE', describe: 'Storage of the copy: overlay, dir or btrfs', complete: ['overlay', 'dir', 'btrfs'] },
    size: { short: 'L', value: 'required', argument: 'SIZE', describe: 'Size of a block device, which no storage of this version has' },
    keepname: { short: 'K', value: 'none', describe: 'Keep the host name' },
    keepmac: { short: 'M', value: 'none', describe: 'Keep the hardware addresses' },
    lxcpath: { short: 'p', value: 'required', argument: 'SRCPATH', describe: 'The original is below SRCPATH', complete: 'directory' },
    newpath: { short: 'P', value: 'required', argument: 'NEWPATH', describe: 'Put the copy below NEWPATH', complete: 'directory' },
    rename: { short: 'R', value: 'none', describe: 'Rename the container' },
    logfile: { value: 'required', argument: 'FILE', describe: 'Write the log to FILE as well', complete: 'file' },
  },
  examples: [
    { command: 'tlxc-clone web web2', describe: 'A copy of its own' },
    { command: 'tlxc-clone -s -o web -n web2', describe: 'A clone that shares the files' },
  ],
  nameMode: 'none',
  json: true,

  async run(args, ctx) {
    const { options } = args
    const words = [...args.positionals]
    const orig = typeof options.orig === 'string' ? options.orig : words.shift()
    const copy = typeof options.new === 'string' ? options.new : words.shift()
    if (orig === undefined || copy === undefined) throw new TlxcError('USAGE', 'you must specify the original and the new container name', { hint: `${ctx.program} ORIG NEW` })
    if (words.length > 0) throw new TlxcError('USAGE', `unexpected argument '${words[0] ?? ''}'`, { hint: `${ctx.program} --help lists the options` })
    if (options.size !== undefined) throw new TlxcError('USAGE', 'option --size means nothing to the storage types overlay, dir and btrfs', { hint: 'leave --size out' })
    const run = await import('./copy-run.ts')
    const [stray] = ['snapshot', 'backingstore', 'newpath'].filter((key) => options[key] !== undefined)
    if (options.rename === true && stray !== undefined) throw new TlxcError('USAGE', `--${stray} means nothing with -R`, { hint: 'a container that is renamed stays where and as it is' })
    const [hookOption] = args.rest ?? []
    if (options.rename === true && hookOption !== undefined) throw new TlxcError('USAGE', `hook option '${hookOption}' means nothing with -R`, { hint: 'a rename runs no clone hook; leave it out' })
    if (options.rename === true) return run.runRename(ctx, orig, copy, options.keepname === true)
    const newPath = typeof options.newpath === 'string' ? realPath(ctx.host.fs, resolve(ctx.cwd, options.newpath)) : ctx.lxcpath
    const how = await run.runCopy(ctx, {
      name: orig, lxcpath: ctx.lxcpath, newName: copy, newPath, share: options.snapshot === true, ...run.storageOf(options.backingstore),
      allowRunning: false, keepName: options.keepname === true, keepMac: options.keepmac === true, hookArgs: args.rest ?? [],
    })
    if (!ctx.json && !ctx.quiet) ctx.stdout.write(`Created container ${copy} as ${how} of ${orig}\n`)
  },
})
