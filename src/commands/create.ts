/** tlxc-create */
import { isAbsolute, resolve } from 'node:path'
import { defineCommand, type Context, type Options, type ParsedArgs } from '../cli/command.ts'
import { createContainer, type Created } from '../container/create.ts'
import { readSystemConfig } from '../container/system-config.ts'
import { TlxcError } from '../errors.ts'
import { renderJson } from '../render/json.ts'
import { chooseStorage } from '../storage/registry.ts'
import { findTemplate } from '../template/find.ts'

/** Options of storage types that LXC has: an error where they mean nothing, so that none is silently ignored. */
const STORAGE_OPTIONS: Options = {
  lvname: { value: 'required', argument: 'LVNAME', describe: 'With -B lvm: name of the logical volume' },
  vgname: { value: 'required', argument: 'VG', describe: 'With -B lvm: volume group' },
  thinpool: { value: 'required', argument: 'TP', describe: 'With -B lvm: thin pool' },
  rbdname: { value: 'required', argument: 'RBDNAME', describe: 'With -B rbd: name of the block device' },
  rbdpool: { value: 'required', argument: 'POOL', describe: 'With -B rbd: pool' },
  rbduser: { value: 'required', argument: 'RBDUSER', describe: 'With -B rbd: user' },
  zfsroot: { value: 'required', argument: 'PATH', describe: 'With -B zfs: root of the filesystems' },
  fstype: { value: 'required', argument: 'TYPE', describe: 'With -B lvm, loop or rbd: filesystem to make' },
  fssize: { value: 'required', argument: 'SIZE[U]', describe: 'With -B lvm, loop or rbd: its size, unit bBkKmMgGtT' },
}

export default defineCommand({
  name: 'create',
  summary: 'create a container from a template',
  positionals: '[-- TEMPLATE-OPTION...]',
  description:
    'Creates a container: a directory with its configuration and a root file system that a template fills. What follows -- goes to the ' +
    'template. By default the container gets an id range of its own, so that root inside is an ordinary user outside; --privileged opts out. ' +
    'A create that fails, is interrupted or killed leaves nothing.',
  options: {
    template: { short: 't', value: 'required', argument: 'TEMPLATE', describe: 'Template: a name, an absolute path, or none for no root file system' },
    config: { short: 'f', value: 'required', argument: 'FILE', describe: 'Initial configuration file', complete: 'file' },
    bdev: { short: 'B', value: 'required', argument: 'TYPE', describe: 'Storage: overlay, dir, btrfs, best, or a list of which the first usable is taken', complete: ['overlay', 'dir', 'btrfs', 'best'] },
    dir: { value: 'required', argument: 'DIR', describe: 'Place the root file system under DIR, which is closed to others', complete: 'directory' },
    privileged: { value: 'none', describe: 'No id range of its own: root inside is root of this machine' },
    ...STORAGE_OPTIONS,
  },
  examples: [
    { command: 'tlxc-create -n web -t busybox', describe: 'A small system, made without network' },
    { command: 'tlxc-create -n web -t debian -- -r bookworm', describe: 'Debian 12' },
    { command: 'tlxc-create -t debian -h', describe: "The template's own options" },
  ],
  json: true,

  async help(args, ctx) {
    const { template } = args.options
    if (typeof template !== 'string' || template === 'none') return
    const { stdout, stderr } = await ctx.host.exec(findTemplate(ctx.host, template, ctx.env), ['-h'])
    ctx.stderr.write(`\n${stdout}${stderr}`)
  },

  async run(args, ctx) {
    const template = requireTemplate(args)
    const { config, dir } = args.options
    if (typeof dir === 'string' && !isAbsolute(dir)) {
      throw new TlxcError('USAGE', '--dir should use absolute path', { hint: `--dir=${resolve(ctx.cwd, dir)}` })
    }
    const created = await createContainer(ctx, {
      name: ctx.name,
      lxcpath: ctx.lxcpath,
      template,
      templateArgs: [...args.positionals, ...(args.rest ?? [])],
      ...storageList(args, ctx),
      ...(args.options.privileged === true ? { privileged: true } : {}),
      output: ctx.quiet ? 'discard' : ctx.json ? 'stderr' : 'inherit',
      ...(typeof config === 'string' ? { configFile: resolve(ctx.cwd, config) } : {}),
      ...(typeof dir === 'string' ? { directory: resolve(dir) } : {}),
    })
    report(created, ctx)
  },
})

function requireTemplate(args: ParsedArgs): string {
  const { template } = args.options
  if (typeof template === 'string') return template
  throw new TlxcError('USAGE', 'A template must be specified', { hint: 'Use "none" if you really want a container without a rootfs' })
}

function storageList(args: ParsedArgs, ctx: Context): { storage?: string } {
  const list = args.options.bdev
  const given = typeof list === 'string' ? { storage: list } : {}
  const { type } = chooseStorage(given.storage ?? (args.options['dir'] === undefined ? readSystemConfig(ctx.host).create.storage : 'dir'))
  const foreign = Object.keys(STORAGE_OPTIONS).find((key) => args.options[key] !== undefined)
  if (foreign === undefined) return given
  throw new TlxcError('USAGE', `option --${foreign} means nothing to storage type ${type}`, { hint: `leave --${foreign} out` })
}

function report(created: Created, ctx: Context): void {
  if (ctx.json) ctx.stdout.write(renderJson('create', { container: created }))
  else if (created.privileged && ctx.stderr.isTTY && !ctx.quiet) {
    ctx.stderr.write(`${created.name} is privileged: root inside is root of this machine\n`)
  }
}
