/** tlxc-config: items of the system configuration. */
import { defineCommand } from '../cli/command.ts'
import { systemItems } from '../config/system-config.ts'
import { errnoOf, TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { renderJson } from '../render/json.ts'

export default defineCommand({
  name: 'config',
  summary: 'show the system configuration of tlxc',
  positionals: '[ITEM]',
  description: 'Prints the value of an item of /etc/tlxc/tlxc.conf, or its default; -l lists the items.',
  nameMode: 'none',
  options: { list: { short: 'l', value: 'none', describe: 'List all items' } },
  examples: [
    { command: 'tlxc-config -l', describe: 'What there is' },
    { command: 'tlxc-config lxc.lxcpath', describe: 'Where containers are' },
  ],
  json: true,
  run(args, ctx) {
    const { paths } = ctx.host
    const items = systemItems(systemText(ctx.host), { lxcpath: paths.lxcpath, defaultConfig: `${paths.sysconf}/default.conf` })
    const wanted = args.positionals[0]
    if (args.options.list || (ctx.json && wanted === undefined)) {
      ctx.stdout.write(ctx.json ? renderJson('config', { items: Object.fromEntries(items.map(({ name, value }) => [name, value])) }) : items.map(({ name }) => `${name}\n`).join(''))
      return Promise.resolve()
    }
    if (wanted === undefined) throw new TlxcError('USAGE', 'no item', { hint: `${ctx.program} -l lists the items`, exitCode: 0 })
    const item = items.find(({ name }) => name === wanted)
    if (!item) throw new TlxcError('USAGE', `Unknown configuration item: ${wanted}`, { hint: `${ctx.program} -l lists the items` })
    if (ctx.json) ctx.stdout.write(renderJson('config', { items: { [item.name]: item.value } }))
    else ctx.stdout.write(item.value === null ? `${item.name} is not set.\n` : `${item.value}\n`)
    return Promise.resolve()
  },
})

function systemText(host: Host): string {
  try {
    return host.fs.readFileSync(host.paths.systemConfig, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  }
}
