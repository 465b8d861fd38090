/** tlxc-copy: copies, clones, renames, ephemeral clones. */
import { resolve } from 'node:path'
import { defineCommand, type Context, type ParsedArgs } from '../cli/command.ts'
import { TlxcError } from '../errors.ts'
import { realPath } from '../host/real-path.ts'

export default defineCommand({
  name: 'copy',
  summary: 'copy, clone or rename a container',
  positionals: '[[--] COMMAND] [-- HOOK-OPTION...]',
  description:
    'Copies a stopped container. With -s the copy shares the layers of its original: it is there at once and takes no space for what does not change; both live on ' +
    'without the other. Without -s it depends on nothing. The copy gets a name, hardware addresses, a machine-id and an id range of its own, and what lxc.hook.clone ' +
    'does. With -a a running container is copied as well: it is frozen for the last changes only; one on btrfs is not, see tlxc-snapshot(1) about subvolumes in it.\n\n' +
    'With -e the clone is started at once and is destroyed when it stops; of a plain directory (storage dir), which has no layers to share, it is a copy. Should its monitor be killed, or the power ' +
    'go, it is still there, stopped, and ls shows it: the next clone of -e below the same path destroys it, and so does tlxc-checkconfig --storage, which tlxc.service runs at boot. To keep ' +
    'one, set lxc.ephemeral = 0 in its configuration, or rename it.\n\n' +
    'With a COMMAND, also behind --, the clone is shut down when that has ended. A COMMAND has this terminal, ' +
    'with or without -F, and as with lxc-copy the clone hooks get its words as well. Without -e what follows -- is for the clone hooks alone.\n\n' +
    'With -R the container gets another name and keeps its snapshots and hardware addresses, with or without -M; no clone hook runs, and it must be stopped, also with -a.\n\n' +
    'With -e -t the clone writes to a tmpfs of its own, which only the container itself reaches: nothing of it gets to the disk (but by way of swap), and it is gone with the ' +
    'container, however that ends. A reboot inside keeps it, where LXC loses it. Half of the memory is room for it, the kernel\'s own limit for a tmpfs; it also ' +
    'counts as memory of the container, where lxc.cgroup2.memory.max or lxc.cgroup.memory.limit_in_bytes limits that. What overlay mounts of -m write is not part of it. While such a clone ' +
    'runs it cannot be copied or snapshotted. An unprivileged one needs Linux 6.3 or newer, and extended attributes of users (user.*) in it Linux 6.6.',
  options: {
    newname: { short: 'N', value: 'required', argument: 'NEWNAME', describe: 'Name of the copy' },
    newpath: { short: 'p', value: 'required', argument: 'NEWPATH', describe: 'Put it below NEWPATH', complete: 'directory' },
    rename: { short: 'R', value: 'none', describe: 'Rename the container' },
    snapshot: { short: 's', value: 'none', describe: 'Share the layers of the original' },
    allowrunning: { short: 'a', value: 'none', describe: 'Although the original is running' },
    foreground: { short: 'F', value: 'none', describe: 'With -e: start it in the foreground, as a COMMAND always is' },
    daemon: { short: 'd', value: 'none', describe: 'With -e: start it in the background (default)' },
    ephemeral: { short: 'e', value: 'none', describe: 'Start the clone, and destroy it when it stops' },
    mount: { short: 'm', value: 'required', argument: 'MOUNTS', repeat: true, describe: 'With -e: {bind|overlay}=/src[:/dst][:ro|rw], several separated by commas' },
    backingstorage: { short: 'B', value: 'required', argument: 'TYPE', describe: 'Storage of the copy: overlay, dir or btrfs', complete: ['overlay', 'dir', 'btrfs'] },
    fssize: { short: 'L', value: 'required', argument: 'SIZE', describe: 'Size of a block device, which no storage of this version has' },
    keepdata: { short: 'D', value: 'none', describe: 'With -e: keep it when it stops' },
    keepname: { short: 'K', value: 'none', describe: 'Keep the host name' },
    keepmac: { short: 'M', value: 'none', describe: 'Keep the hardware addresses' },
    tmpfs: { short: 't', value: 'none', describe: 'With -e: keep what it writes on a tmpfs; gone when it stops' },
    rcfile: { value: 'required', argument: 'FILE', describe: 'Give the copy the configuration in FILE instead of that of the original', complete: 'file' },
  },
  examples: [
    { command: 'tlxc-copy -n web -N web2', describe: 'A copy of its own' },
    { command: 'tlxc-copy -n web -N web2 -s', describe: 'A clone that shares the files, in no time' },
    { command: 'tlxc-copy -n web -R -N shop', describe: 'Rename it, snapshots and all' },
    { command: 'tlxc-copy -n web -e', describe: 'A clone that vanishes when it stops' },
    { command: 'tlxc-copy -n web -e -t make test', describe: 'Run a command in a clone that writes to memory only' },
    { command: 'tlxc-copy -n web -N web2 -- 10.0.4.7', describe: 'A copy, with an argument for the clone hooks' },
  ],
  stopAtPositional: true,
  json: true,

  async run(args, ctx) {
    const { options } = args
    refuse(args)
    const rcfile = await checkedRcfile(args, ctx)
    const run = await import('./copy-run.ts')
    const newPath = typeof options.newpath === 'string' ? realPath(ctx.host.fs, resolve(ctx.cwd, options.newpath)) : ctx.lxcpath
    const newName = typeof options.newname === 'string' ? { newName: options.newname } : {}
    const flags = { allowRunning: options.allowrunning === true, keepName: options.keepname === true, keepMac: options.keepmac === true, hookArgs: args.rest ?? [], ...rcfile }
    if (options.ephemeral === true) {
      const { tmpfs, keepdata, mount, foreground } = options
      // LXC reads no option of its own behind "--", and runs what is there.
      const command = [...args.positionals, ...flags.hookArgs]
      return run.runEphemeral(ctx, {
        name: ctx.name, ...newName, newPath, ...flags, hookArgs: command, ...run.storageOf(options.backingstorage), keepData: keepdata === true, memory: tmpfs === true, mounts: Array.isArray(mount) ? mount.join(',') : null,
        foreground: foreground === true, command,
      })
    }
    if (typeof options.newname !== 'string') throw new TlxcError('USAGE', 'Error: You must provide a NEWNAME for the clone.', { hint: 'give it with -N' })
    if (options.rename === true) return run.runRename(ctx, ctx.name, options.newname, flags.keepName)
    await run.runCopy(ctx, { name: ctx.name, lxcpath: ctx.lxcpath, newName: options.newname, newPath, share: options.snapshot === true, ...run.storageOf(options.backingstorage), ...flags })
  },
})

function refuse({ options, positionals, rest }: ParsedArgs): void {
  const [stray] = ['foreground', 'daemon', 'mount', 'keepdata', 'tmpfs'].filter((key) => options[key] !== undefined)
  if (options.ephemeral !== true && stray !== undefined) throw new TlxcError('USAGE', `--${stray} means nothing without -e`, { hint: 'add -e, or leave it out' })
  if (options.ephemeral !== true && positionals.length > 0) throw new TlxcError('USAGE', `unexpected argument '${positionals[0] ?? ''}'`, { hint: 'a COMMAND goes with -e' })
  if (options.rename === true && (options.ephemeral === true || options.snapshot === true)) throw new TlxcError('USAGE', 'cannot rename and clone at once', { hint: 'give -R, or -s or -e' })
  const [moving] = ['newpath', 'backingstorage', 'rcfile'].filter((key) => options[key] !== undefined)
  if (options.rename === true && moving !== undefined) throw new TlxcError('USAGE', `--${moving} means nothing with -R`, { hint: 'a container that is renamed stays where and as it is; leave it out, or make a copy' })
  if (options.rename === true && rest !== null && rest.length > 0) throw new TlxcError('USAGE', `hook option '${rest[0] ?? ''}' means nothing with -R`, { hint: 'a rename runs no clone hook; leave it out' })
  if (options.fssize !== undefined) throw new TlxcError('USAGE', 'option --fssize means nothing to the storage types overlay, dir and btrfs', { hint: 'leave --fssize out' })
  if (options.tmpfs === true && options.keepdata === true) throw new TlxcError('USAGE', 'cannot keep what is on a tmpfs', { hint: 'give -t or -D' })
}

/** Throws TlxcError CONFIG. */
async function checkedRcfile(args: ParsedArgs, ctx: Context): Promise<{ rcfile?: string }> {
  if (typeof args.options.rcfile !== 'string') return {}
  const [{ loadRcfile, rcfilePath }, { containerAt }] = await Promise.all([import('./rcfile.ts'), import('../container/store.ts')])
  await loadRcfile(args, ctx, containerAt(ctx.host, ctx.lxcpath, ctx.name))
  return rcfilePath(args, ctx)
}
