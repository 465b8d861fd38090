/** tlxc-autostart: start, stop or list the containers marked for autostart. */
import { setTimeout as sleep } from 'node:timers/promises'
import { defineCommand, type Context, type ParsedArgs } from '../cli/command.ts'
import { chooseAutostart, type Chosen } from '../container/autostart.ts'
import { containerStatus } from '../container/state.ts'
import { stopContainer } from '../container/stop.ts'
import { TlxcError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { renderJson } from '../render/json.ts'
import { parseTimeout } from './seconds.ts'

const DEFAULT_TIMEOUT_S = 60
type Action = 'start' | 'reboot' | 'shutdown' | 'kill'

export default defineCommand({
  name: 'autostart',
  summary: 'start, stop or list the containers marked for autostart',
  description:
    'Starts the containers with lxc.start.auto = 1 by lxc.start.order, then name, and waits lxc.start.delay seconds after each. Without -a and -g only those that are in no group. ' +
    'Group names match exactly.',
  nameMode: 'none',
  options: {
    kill: { short: 'k', value: 'none', describe: 'Kill the containers instead of starting them' },
    list: { short: 'L', value: 'none', describe: 'List the affected containers and the delay after each' },
    reboot: { short: 'r', value: 'none', describe: 'Reboot the containers instead of starting them' },
    shutdown: { short: 's', value: 'none', describe: 'Shut the containers down instead of starting them' },
    all: { short: 'a', value: 'none', describe: 'Whatever their groups' },
    'ignore-auto': { short: 'A', value: 'none', describe: 'Also without lxc.start.auto' },
    groups: { short: 'g', value: 'required', argument: 'GROUPS', describe: 'Comma separated groups, in this order; an empty one is the containers without group' },
    timeout: { short: 't', value: 'required', argument: 'SECONDS', describe: 'Wait SECONDS before killing a container (default 60)' },
  },
  examples: [
    { command: 'tlxc-autostart -L', describe: 'What would start' },
    { command: 'tlxc-autostart -g onboot,', describe: 'The group onboot, then those without group' },
    { command: 'tlxc-autostart -s -a -A', describe: 'Shut everything down' },
  ],
  exitCodes: { 1: 'all of them failed', 2: 'some of them failed' },
  json: true,
  async run(args, ctx) {
    const action = actionOf(args)
    const { all, 'ignore-auto': ignoreAuto, groups, timeout } = args.options
    const chosen = chooseAutostart(ctx.host, ctx.lxcpath, {
      all: all === true,
      ignoreAuto: ignoreAuto === true,
      groups: typeof groups === 'string' ? groups.split(',') : null,
      reverse: action === 'shutdown' || action === 'kill',
    })
    const due = await notYetThere(ctx, chosen, action)
    if (args.options.list) return list(ctx, due, action)
    const timeoutMs = parseTimeout(timeout, DEFAULT_TIMEOUT_S)
    const results: { name: string; ok: boolean }[] = []
    for (const one of due) {
      if (ctx.signal.aborted) throw new TlxcError('INTERRUPTED', 'cannot go on: interrupted', { exitCode: 130 })
      results.push({ name: one.container.name, ok: await act(ctx, one, action, timeoutMs) })
    }
    if (ctx.json) ctx.stdout.write(renderJson('autostart', { action, containers: results }))
    const failed = results.filter(({ ok }) => !ok).length
    return failed === 0 ? EXIT.ok : failed === results.length ? EXIT.failure : EXIT.autostartSome
  },
})

function actionOf({ options }: ParsedArgs): Action {
  const given = (['kill', 'reboot', 'shutdown'] as const).filter((action) => options[action] === true)
  if (given.length > 1) throw new TlxcError('USAGE', `cannot use --${given.join(' and --')} together`, { hint: 'give one of -k, -r and -s' })
  return given[0] ?? 'start'
}

/** Starting leaves out what runs; the others leave out what does not. */
async function notYetThere(ctx: Context, chosen: readonly Chosen[], action: Action): Promise<Chosen[]> {
  const running = await Promise.all(chosen.map(({ container }) => containerStatus(ctx.host, container, { onKilled: ctx.log.warn })))
  return chosen.filter((_, at) => (running[at] !== null) === (action !== 'start'))
}

function list(ctx: Context, due: readonly Chosen[], action: Action): void {
  const withDelay = action === 'start' || action === 'reboot'
  if (ctx.json) ctx.stdout.write(renderJson('autostart', { action, containers: due.map(({ container, config }) => ({ name: container.name, delay_seconds: config.delay })) }))
  else ctx.stdout.write(due.map(({ container, config }) => (withDelay ? `${container.name} ${config.delay}\n` : `${container.name}\n`)).join(''))
}

/** One that fails does not keep the others from their turn. */
async function act(ctx: Context, { container, config }: Chosen, action: Action, timeoutMs: number | null): Promise<boolean> {
  try {
    if (action === 'start') {
      const { startContainer } = await import('../container/start.ts')
      await startContainer(ctx, container, { execute: false, foreground: false, defines: [], share: [] })
    } else {
      const reboot = { timeoutMs: 0, mode: 'reboot' } as const
      const stop = { timeoutMs, mode: action === 'kill' ? 'kill' : 'shutdown' } as const
      await stopContainer(ctx.host, container, { ...(action === 'reboot' ? reboot : stop), lockTimeoutMs: ctx.lockTimeoutMs, signal: ctx.signal, notice: ctx.log.warn })
    }
  } catch (error) {
    if (!(error instanceof TlxcError)) throw error
    ctx.log.error(`${container.name}: ${error.message}`)
    return false
  }
  if ((action === 'start' || action === 'reboot') && config.delay > 0) await sleep(config.delay * 1000, undefined, { signal: ctx.signal }).catch(() => undefined)
  return true
}
