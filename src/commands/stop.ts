/** tlxc-stop: stop, kill or reboot a container. */
import { defineCommand, type Context, type ParsedArgs } from '../cli/command.ts'
import { stopContainer } from '../container/stop.ts'
import { containerAt } from '../container/store.ts'
import { TlxcError } from '../errors.ts'
import { loadRcfile, RCFILE } from './rcfile.ts'
import { parseTimeout } from './seconds.ts'

const DEFAULT_TIMEOUT_S = 60

export default defineCommand({
  name: 'stop',
  summary: 'stop or reboot a container',
  description:
    'Asks the init of the container to shut down, waits, and kills what is left after 60 seconds. A frozen container is thawed first, so that it can shut down; ' +
    'with -k it is killed as it is.',
  options: {
    reboot: { short: 'r', value: 'none', describe: 'Reboot the container' },
    nowait: { short: 'W', value: 'none', describe: 'Do not wait for shutdown or reboot to complete' },
    timeout: { short: 't', value: 'required', argument: 'SECONDS', describe: 'Wait SECONDS before killing it (default 60; -1: for ever; 0: only ask)' },
    kill: { short: 'k', value: 'none', describe: 'Kill the container rather than ask it to shut down' },
    nolock: { value: 'none', describe: 'With -k: do not wait for another command that works on the container' },
    nokill: { value: 'none', describe: 'Only ask it to shut down; do not kill it after the time' },
    rcfile: { ...RCFILE, describe: 'Send lxc.signal.halt and lxc.signal.reboot of FILE' },
  },
  examples: [
    { command: 'tlxc-stop c1', describe: 'Shut c1 down' },
    { command: 'tlxc-stop -r c1', describe: 'Reboot c1' },
    { command: 'tlxc-stop -k c1', describe: 'Kill c1 at once' },
  ],
  exitCodes: { 2: 'the container is not running' },
  async run(args, ctx) {
    const options = parseOptions(args)
    const container = containerAt(ctx.host, ctx.lxcpath, ctx.name)
    const config = await loadRcfile(args, ctx, container)
    const signals = config === undefined ? {} : { signals: { halt: config.signalHalt, reboot: config.signalReboot } }
    await stopContainer(ctx.host, container, { ...options, ...signals, ...surroundings(ctx) })
  },
})

function surroundings(ctx: Context): { lockTimeoutMs: number; signal: AbortSignal; notice: (message: string) => void } {
  return { lockTimeoutMs: ctx.lockTimeoutMs, signal: ctx.signal, notice: ctx.log.warn }
}

/** The combinations that lxc-stop refuses, in its words. */
function parseOptions({ options }: ParsedArgs): { mode: 'shutdown' | 'reboot' | 'kill'; timeoutMs: number | null; noKill: boolean; noLock: boolean } {
  const timeoutMs = parseTimeout(options.timeout, null)
  const hint = { hint: 'tlxc-stop --help lists the options' }
  if (options.kill) {
    if (options.nokill) throw new TlxcError('USAGE', "-k can't be used with --nokill", hint)
    if (options.reboot) throw new TlxcError('USAGE', "-k can't be used with -r", hint)
    if (options.timeout !== undefined && timeoutMs !== 0) throw new TlxcError('USAGE', "-k doesn't allow timeouts", hint)
  } else if (options.nolock) {
    throw new TlxcError('USAGE', '--nolock may only be used with -k', hint)
  }
  return {
    mode: options.kill ? 'kill' : options.reboot ? 'reboot' : 'shutdown',
    timeoutMs: options.nowait ? 0 : options.timeout === undefined ? DEFAULT_TIMEOUT_S * 1000 : timeoutMs,
    noKill: options.nokill === true,
    noLock: options.nolock === true,
  }
}
