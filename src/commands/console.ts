/** tlxc-console: a person at a container's console or terminal. */
import { defineCommand, type ParsedArgs } from '../cli/command.ts'
import { banner, DEFAULT_ESCAPE, parseEscape } from '../console/escape.ts'
import { containerAt } from '../container/store.ts'
import { TlxcError } from '../errors.ts'
import { loadRcfile, RCFILE } from './rcfile.ts'

export default defineCommand({
  name: 'console',
  summary: 'open a console of a running container',
  description:
    'Connects this terminal to a tty of a running container, with its window size, byte for byte. Recent output is shown first. Several ' +
    'people can share the console (tty 0); another tty belongs to one at a time. The escape keys leave; the container does not notice.',
  options: {
    tty: { short: 't', value: 'required', argument: 'N', describe: '0 is the console; without it, the first tty that is free' },
    escape: { short: 'e', value: 'required', argument: 'PREFIX', describe: 'the escape key: a or ^a stand for Ctrl-a (the default)' },
    watch: { value: 'none', describe: 'only look: nothing that is typed reaches the container, and no tty is taken' },
    rcfile: RCFILE,
  },
  examples: [
    { command: 'tlxc-console c1 -t 0', describe: 'The console of c1; leave with Ctrl-a q' },
    { command: "tlxc-console c1 -e '^]'", describe: 'The first free tty, with Ctrl-] as escape key' },
    { command: 'tlxc-console c1 -t 0 --watch', describe: 'Look over somebody’s shoulder' },
  ],
  async run(args, ctx) {
    const tty = parseTty(args)
    const prefix = parsePrefix(args)
    const watch = args.options['watch'] === true
    const container = containerAt(ctx.host, ctx.lxcpath, ctx.name)
    await loadRcfile(args, ctx, container)
    const { openConsole } = await import('../console/open.ts')
    const { runConsole } = await import('../console/client.ts')
    const opened = await openConsole(ctx.host, container, tty, ctx.stdout, watch)
    ctx.stderr.write(banner(opened.tty, prefix))
    await runConsole(opened.stream, ctx.stdin, ctx.stdout, { prefix, watch, signal: ctx.signal })
    return 0
  },
})

function parseTty(args: ParsedArgs): number {
  const text = args.options['tty']
  if (typeof text !== 'string') return -1
  if (!/^\d{1,4}$/.test(text)) throw new TlxcError('USAGE', `cannot use tty "${text}": it is not a number`, { hint: '0 is the console, 1 the first tty' })
  return Number(text)
}

function parsePrefix(args: ParsedArgs): number {
  const text = args.options['escape']
  if (typeof text !== 'string') return DEFAULT_ESCAPE
  const prefix = parseEscape(text)
  if (prefix === null) throw new TlxcError('USAGE', `cannot use "${text}" as escape key: it is no control key`, { hint: 'give a letter: a or ^a for Ctrl-a' })
  return prefix
}
