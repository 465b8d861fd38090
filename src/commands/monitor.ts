/** tlxc-monitor: print the changes of state of containers as they come. */
import { defineCommand, type Context } from '../cli/command.ts'
import { TlxcError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { realPath } from '../host/real-path.ts'
import { listenEvents } from '../monitor/events.ts'
import type { Event } from '../protocol/generated.ts'
import { renderJson } from '../render/json.ts'

export default defineCommand({
  name: 'monitor',
  summary: 'watch the states of containers',
  description:
    'Prints a line for each change of state, and one for the end of init, until it is interrupted. There is no daemon behind it: -Q, which ends LXC’s, has nothing to end. ' +
    'With --json each line is one object: {schema, name, lxcpath, time, and state or exit_status}.',
  options: {
    name: { short: 'n', value: 'required', argument: 'NAME', describe: 'Only containers whose whole name matches this regular expression', complete: 'container' },
    quit: { short: 'Q', value: 'none', describe: 'Leave at once (LXC: end lxc-monitord; tlxc has no such daemon)' },
  },
  examples: [
    { command: 'tlxc-monitor', describe: 'All containers' },
    { command: "tlxc-monitor -n 'web.*'", describe: 'Those whose names begin with web' },
  ],
  exitCodes: { 130: 'it was interrupted (128+N for signal N)' },
  nameMode: 'optional',
  manyPaths: true,
  json: true,
  async run(args, ctx) {
    if (args.options.quit) return EXIT.ok
    const pattern = namePattern(ctx.name === '' ? '.*' : ctx.name)
    const listener = await listenEvents(ctx.host, pathsOf(args.options.lxcpath, ctx), ctx.log.warn)
    const leave = (): void => listener.close()
    ctx.signal.addEventListener('abort', leave, { once: true })
    if (ctx.signal.aborted) leave()
    try {
      for (let event = await listener.next(); event; event = await listener.next()) {
        if (pattern.test(event.name)) ctx.stdout.write(ctx.json ? eventJson(event) : eventLine(event))
      }
    } finally {
      listener.close()
      ctx.signal.removeEventListener('abort', leave)
    }
    return leftBy(ctx.signal.reason)
  },
})

/** lxc-monitor dies of the signal that ends it: for the shell that is 128+N, and no error to speak of. */
function leftBy(reason: unknown): number {
  return reason instanceof TlxcError && reason.exitCode !== undefined ? reason.exitCode : EXIT.ok
}

/** As lxc-monitor prints it. */
function eventLine(event: Event): string {
  if (event.state) return `'${event.name}' changed state to [${event.state}]\n`
  return `'${event.name}' exited with status [${exitCode(event)}]\n`
}

function eventJson(event: Event): string {
  const { name, lxcpath, time, state } = event
  return renderJson('event', { name, lxcpath, time, ...(state ? { state } : { exit_status: exitCode(event) }) })
}

/** WEXITSTATUS of a wait status: what lxc-monitor shows, 0 after a signal. */
function exitCode(event: Event): number {
  return ((event.exit_status ?? 0) >> 8) & 0xff
}

function namePattern(text: string): RegExp {
  try {
    return new RegExp(`^(?:${text})$`)
  } catch (error) {
    throw new TlxcError('USAGE', `invalid regular expression '${text}'`, { hint: 'quote it for the shell, and escape what is meant literally', cause: error })
  }
}

function pathsOf(given: unknown, ctx: Context): string[] {
  if (!Array.isArray(given) || given.length < 2) return [ctx.lxcpath]
  return given.map((path) => realPath(ctx.host.fs, absolute(String(path), ctx.cwd)))
}

function absolute(path: string, cwd: string): string {
  const full = path.startsWith('/') ? path : `${cwd}/${path}`
  return full.length > 1 ? full.replace(/\/+$/, '') : full
}
