/** tlxc-attach: a program inside a running container. A hot command: it loads no configuration and becomes the native helper. */
import { resolve } from 'node:path'
import { defineCommand, type Context, type ParsedArgs } from '../cli/command.ts'
import type { AttachOptions } from '../container/attach-request.ts'
import { attachContainer } from '../container/attach.ts'
import { containerAt } from '../container/store.ts'
import { parseId } from './run-options.ts'
import { TlxcError } from '../errors.ts'
import type { Personality } from '../protocol/generated.ts'

export default defineCommand({
  name: 'attach',
  summary: 'run a command inside a running container',
  positionals: '[--] [COMMAND...]',
  description:
    'Runs COMMAND, or a login shell, in the namespaces and control groups of a running container and with the privileges that it has. ' +
    'Standard streams that are terminals are replaced by a pseudo terminal of the container; files and pipes are passed as they are. ' +
    'Exits with the status of COMMAND, 128+N when signal N ended it.',
  stopAtPositional: true,
  options: {
    'elevated-privileges': { short: 'e', value: 'optional', argument: 'PRIVILEGES', describe: 'without the limits of the container: CGROUP|CAP|LSM, all of them without a value' },
    arch: { short: 'a', value: 'required', argument: 'ARCH', describe: 'architecture that uname(2) shows to the program' },
    namespaces: { short: 's', value: 'required', argument: 'NAMESPACES', describe: 'only these: MOUNT|PID|UTSNAME|IPC|USER|NETWORK|CGROUP; implies -e' },
    'remount-sys-proc': { short: 'R', value: 'none', describe: 'with -s without MOUNT: fresh /proc and /sys that fit the namespaces' },
    'clear-env': { value: 'none', describe: 'start with an empty environment' },
    'keep-env': { value: 'none', cancels: 'clear-env', describe: 'keep the caller’s environment (the default)' },
    'keep-var': { value: 'required', argument: 'NAME', repeat: true, describe: 'with --clear-env: keep this variable' },
    'set-var': { short: 'v', value: 'required', argument: 'NAME=VALUE', repeat: true, describe: 'set a variable' },
    'pty-log': { short: 'L', value: 'required', argument: 'FILE', complete: 'file', describe: 'append what the pseudo terminal shows to FILE' },
    rcfile: { short: 'f', value: 'required', argument: 'FILE', complete: 'file', describe: 'take lxc.environment from FILE' },
    uid: { short: 'u', value: 'required', argument: 'UID', describe: 'user id inside' },
    gid: { short: 'g', value: 'required', argument: 'GID', describe: 'group id inside' },
    context: { short: 'c', value: 'required', argument: 'CONTEXT', describe: 'SELinux context of the program' },
  },
  examples: [
    { command: 'tlxc-attach c1', describe: 'A shell in c1' },
    { command: 'tlxc-attach c1 -- ps ax', describe: 'One program, no shell' },
    { command: 'tlxc-attach c1 --clear-env -v LANG=C -- env', describe: 'With a clean environment' },
    { command: "tlxc-attach c1 -s 'NETWORK|UTSNAME' -- ip addr", describe: 'A program of the host in the network of c1' },
  ],
  exitCodes: { 126: 'COMMAND cannot be executed', 127: 'there is no COMMAND inside' },
  async run(args, ctx) {
    const container = containerAt(ctx.host, ctx.lxcpath, ctx.name)
    return await attachContainer(ctx.host, container, await parseOptions(args, ctx), ctx.env)
  },
})

async function parseOptions(args: ParsedArgs, ctx: Context): Promise<AttachOptions> {
  const text = (key: string): string | undefined => (typeof args.options[key] === 'string' ? args.options[key] : undefined)
  const list = (key: string): readonly string[] => (Array.isArray(args.options[key]) ? args.options[key] : [])
  const id = (key: 'uid' | 'gid'): { uid?: number; gid?: number } => {
    const value = parseId(key, args.options[key])
    return value === undefined ? {} : { [key]: value }
  }
  const [namespaces, elevated, context, arch, log, rcfile] = ['namespaces', 'elevated-privileges', 'context', 'arch', 'pty-log', 'rcfile'].map(text)
  return {
    argv: [...args.positionals, ...(args.rest ?? [])],
    ...(namespaces === undefined ? {} : { namespaces }),
    ...(elevated === undefined ? {} : { elevated: elevated.replace(/^=/, '') }),
    remountSysProc: args.options['remount-sys-proc'] === true,
    ...id('uid'),
    ...id('gid'),
    ...(context === undefined ? {} : { context }),
    ...(arch === undefined ? {} : { personality: await parseArch(arch) }),
    ...(log === undefined ? {} : { ptyLog: resolve(ctx.cwd, log) }),
    ...(rcfile === undefined ? {} : { rcfile: resolve(ctx.cwd, rcfile) }),
    environment: { clear: args.options['clear-env'] === true, keep: list('keep-var'), set: list('set-var') },
  }
}

async function parseArch(text: string): Promise<Personality> {
  const { arch, personalityOf } = await import('../config/codecs/kernel.ts')
  try {
    return personalityOf(arch.parse(text))
  } catch {
    throw new TlxcError('USAGE', `Invalid architecture specified: ${text}`, { hint: `expected ${arch.expects}` })
  }
}
