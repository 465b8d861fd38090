/** tlxc-net: the managed bridge by hand; a container that needs it brings it up by itself. */
import { defineCommand, type Context } from '../cli/command.ts'
import { TlxcError } from '../errors.ts'
import { readSystemConfig } from '../container/system-config.ts'
import type { NetworkSettings } from '../network/settings.ts'
import { renderJson } from '../render/json.ts'
import { networkText } from '../render/network.ts'

export default defineCommand({
  name: 'net',
  summary: 'show, start or stop the bridge that containers share',
  positionals: '[start|stop|restart|status]',
  description:
    'The managed bridge gives containers addresses (DHCP), names (DNS) and the way out (NAT). It comes up by itself when a container ' +
    'needs it; its settings are in [network] of /etc/tlxc/tlxc.conf. status (the default) shows it. stop removes exactly what was made: the bridge, its nftables table, ' +
    'its rules in the chains of Docker and ufw, its dnsmasq; of a bridge that had another name in tlxc.conf before, too. Forwarding of packets stays on.\n\n' +
    'Where another firewall drops packets in a table of its own, no rule of tlxc can overrule it (nftables accepts only within one chain): ' +
    'status names such a firewall.',
  nameMode: 'none',
  words: ['start', 'stop', 'restart', 'status'],
  json: true,
  options: { force: { value: 'none', describe: 'with stop and restart: even while containers use the bridge' } },
  examples: [
    { command: 'tlxc-net status', describe: 'Addresses, leases, and what may be in the way' },
    { command: 'tlxc-net restart', describe: 'After a change of tlxc.conf' },
  ],
  async run(args, ctx) {
    const [action = 'status', more] = args.positionals
    if (more !== undefined) throw usage(more)
    const settings = readSystemConfig(ctx.host).network
    const force = args.options['force'] === true
    if (action === 'status') return await status(ctx, settings)
    requireRoot(ctx, action)
    if (action === 'start') await start(ctx, settings)
    else if (action === 'stop') await stop(ctx, settings, force)
    else if (action === 'restart') await restart(ctx, settings, force)
    else throw usage(action)
    return ctx.json ? await status(ctx, settings) : 0
  },
})

async function start(ctx: Context, settings: NetworkSettings): Promise<void> {
  const { ensureNetwork } = await import('../network/up.ts')
  if ((await ensureNetwork(ctx.host, settings)) === null) ctx.log.warn(`"${settings.bridge}" was made by somebody else, leaving it as it is`)
}

async function stop(ctx: Context, settings: NetworkSettings, force: boolean): Promise<void> {
  const { stopNetworks } = await import('../network/down.ts')
  await stopNetworks(ctx.host, settings.bridge, force)
}

async function restart(ctx: Context, settings: NetworkSettings, force: boolean): Promise<void> {
  await stop(ctx, settings, force)
  await start(ctx, settings)
}

async function status(ctx: Context, settings: NetworkSettings): Promise<number> {
  const { networkStatus } = await import('../network/status.ts')
  const found = await networkStatus(ctx.host, settings)
  ctx.stdout.write(ctx.json ? renderJson('net', found) : networkText(found))
  return 0
}

function requireRoot(ctx: Context, action: string): void {
  if (ctx.host.uid !== 0) throw new TlxcError('PRIVILEGE', `cannot ${action} the network: only root can`, { hint: `run it as root: sudo tlxc-net ${action}` })
}

function usage(word: string): TlxcError {
  return new TlxcError('USAGE', `cannot understand "${word}": expected start, stop, restart or status`, { hint: 'tlxc-net --help' })
}
