/** tlxc-info: what a container is and uses. A hot command: the configuration is parsed only for -c. */
import { defineCommand, type Context, type ParsedArgs } from '../cli/command.ts'
import { notDefined } from '../container/require.ts'
import { containerStatus } from '../container/state.ts'
import { readStats, type Stats } from '../container/stats.ts'
import { containerAt, isDefined, type Container } from '../container/store.ts'
import type { Status } from '../protocol/generated.ts'
import { infoAsJson, renderInfo, type InfoParts } from '../render/info.ts'
import { renderJson } from '../render/json.ts'
import { loadRcfile, RCFILE, rcfilePath } from './rcfile.ts'

export default defineCommand({
  name: 'info',
  summary: 'show what a container is and uses',
  description:
    'Shows name, state, process id of init, addresses and what the container uses. -c shows values of its configuration file. ' +
    'With -H and exactly one of -i, -p and -s, or one -c, only the value is printed.',
  options: {
    config: { short: 'c', value: 'required', argument: 'KEY', repeat: true, describe: 'Show the configuration value KEY' },
    ips: { short: 'i', value: 'none', describe: 'Show the addresses' },
    pid: { short: 'p', value: 'none', describe: 'Show the process id of init' },
    stats: { short: 'S', value: 'none', describe: 'Show what it uses' },
    'no-humanize': { short: 'H', value: 'none', describe: 'Show raw numbers' },
    state: { short: 's', value: 'none', describe: 'Show the state' },
    rcfile: RCFILE,
  },
  examples: [
    { command: 'tlxc-info c1', describe: 'Everything about c1' },
    { command: 'tlxc-info -sH c1', describe: 'Only its state' },
    { command: 'tlxc-info -c lxc.uts.name c1', describe: 'A value of its configuration' },
  ],
  json: true,
  async run(args, ctx) {
    const container = containerAt(ctx.host, ctx.lxcpath, ctx.name)
    const parts = partsOf(args)
    const status = await containerStatus(ctx.host, container, { addresses: parts.ips || parts.stats || ctx.json, onKilled: ctx.log.warn })
    if (!status && !isDefined(ctx.host, container)) throw notDefined(container)
    const stats = status && (parts.stats || ctx.json) ? readStats(ctx.host, status, ['cpuNanoseconds', 'blkioBytes', 'memoryBytes', 'kernelMemoryBytes', 'swapBytes']) : {}
    const values = await configValues(args, ctx, container)
    if (ctx.json) ctx.stdout.write(renderJson('info', { ...infoAsJson(container, status, stats), ...(values.length > 0 ? { config: Object.fromEntries(values) } : {}) }))
    else print(args, ctx, status, stats, values)
  },
})

type ConfigValues = readonly (readonly [key: string, value: string | null])[]

function partsOf({ options }: ParsedArgs): InfoParts {
  const asked = { state: options.state === true, pid: options.pid === true, ips: options.ips === true, stats: options.stats === true }
  const nothing = !Object.values(asked).some(Boolean) && options.config === undefined
  return nothing ? { name: true, state: true, pid: true, ips: true, stats: true } : { name: false, ...asked }
}

function print(args: ParsedArgs, ctx: Context, status: Status | null, stats: Stats, values: ConfigValues): void {
  const raw = args.options['no-humanize'] === true
  ctx.stdout.write(renderInfo(ctx.name, status, stats, partsOf(args), raw))
  for (const [key, value] of values) {
    if (value === null) ctx.stderr.write(`${key} invalid\n`)
    else ctx.stdout.write(raw && values.length === 1 ? `${value}\n` : `${key} = ${value}\n`)
  }
}

async function configValues(args: ParsedArgs, ctx: Context, container: Container): Promise<ConfigValues> {
  const { config } = args.options
  if (!Array.isArray(config)) {
    await loadRcfile(args, ctx, container)
    return []
  }
  const [{ formatValue }, { loadContainerConfig }] = await Promise.all([import('../config/query.ts'), import('../container/load-config.ts')])
  const loaded = loadContainerConfig(ctx.host, container, rcfilePath(args, ctx).rcfile)
  const context = { env: ctx.env, rootfsMount: ctx.host.paths.rootfsMount }
  return config.map((key) => [key, formatValue(loaded, key, context)] as const)
}
