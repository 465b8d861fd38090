/** tlxc-ls: list containers. A hot command: no configuration is parsed. */
import { defineCommand, type Context, type ParsedArgs } from '../cli/command.ts'
import { listContainers, type ListOptions } from '../container/list.ts'
import type { Listed } from '../container/listed.ts'
import { TlxcError } from '../errors.ts'
import { renderColumns } from '../render/columns.ts'
import { renderJson } from '../render/json.ts'
import { DEFAULT_COLUMNS, LIST_COLUMNS, listedAsJson, renderList, type ListColumn } from '../render/list.ts'

const STATES = ['active', 'running', 'frozen', 'stopped', 'defined'] as const
const DEFAULT_NESTING = 5

export default defineCommand({
  name: 'ls',
  summary: 'list containers',
  positionals: '[REGEX]',
  description:
    'Lists the containers under the lxcpath, those that match REGEX. The regular expression is one of JavaScript, which reads POSIX extended ones but for ' +
    'classes like [[:digit:]]; it need not match the whole name. Several of --active, --running, --frozen, --stopped and --defined must all hold. ' +
    '--nesting asks the tlxc-ls inside of each running container, under the same lxcpath; in one that is stopped, frozen or has no tlxc, the files tell which containers ' +
    'there are, and these show as STOPPED.',
  nameMode: 'none',
  options: {
    line: { short: '1', value: 'none', describe: 'One name a line' },
    fancy: { short: 'f', value: 'none', describe: 'A table' },
    'fancy-format': { short: 'F', value: 'required', argument: 'COLUMNS', describe: `Comma separated columns of the table: ${LIST_COLUMNS.join(', ')}` },
    active: { value: 'none', describe: 'Only active containers' },
    running: { value: 'none', describe: 'Only running containers (frozen ones too)' },
    frozen: { value: 'none', describe: 'Only frozen containers' },
    stopped: { value: 'none', describe: 'Only stopped containers' },
    defined: { value: 'none', describe: 'Only defined containers' },
    nesting: { value: 'optional', argument: 'NUM', describe: 'Also containers in containers, NUM levels (default 5)' },
    filter: { value: 'required', argument: 'REGEX', describe: 'Only names that match' },
    groups: { short: 'g', value: 'required', argument: 'GROUPS', describe: 'Comma separated; only containers that are in all of these groups' },
  },
  examples: [
    { command: 'tlxc-ls -f', describe: 'A table of all containers' },
    { command: 'tlxc-ls --running -1', describe: 'Running ones, a name a line' },
    { command: 'tlxc-ls -f -F name,state,ram,ipv4 ^web', describe: 'Columns of your choice' },
  ],
  json: true,
  async run(args, ctx) {
    const fancy = args.options.fancy === true && !ctx.json
    const columns = fancy ? parseColumns(args, ctx) : []
    if (columns === null) return
    const listed = await listContainers(ctx.host, ctx.lxcpath, listOptions(args, ctx, columns))
    if (ctx.json) ctx.stdout.write(renderJson('ls', { containers: listed.map(listedAsJson) }))
    else if (fancy) ctx.stdout.write(renderList(listed, columns))
    else ctx.stdout.write(renderNames(listed, args, ctx))
  },
})

function listOptions(args: ParsedArgs, ctx: Context, columns: readonly ListColumn[]): ListOptions {
  const { filter, groups, nesting } = args.options
  const pattern = typeof filter === 'string' ? filter : args.positionals[0]
  const has = (...wanted: ListColumn[]): boolean => ctx.json || wanted.some((column) => columns.includes(column))
  return {
    ...(pattern === undefined ? {} : { filter: parsePattern(pattern) }),
    groups: typeof groups === 'string' ? groups.split(',').filter((group) => group !== '') : [],
    states: new Set(STATES.filter((state) => args.options[state] === true)),
    nesting: parseNesting(nesting),
    need: {
      state: has('STATE', 'PID', 'RAM', 'SWAP', 'INTERFACE', 'IPV4', 'IPV6'),
      config: has('AUTOSTART', 'GROUPS', 'UNPRIVILEGED') || args.options.defined === true,
      addresses: has('INTERFACE', 'IPV4', 'IPV6'),
      stats: has('RAM', 'SWAP'),
    },
    onKilled: ctx.log.warn,
  }
}

/** As lxc-ls: a bad name prints one line, nothing else, and is no failure. */
function parseColumns(args: ParsedArgs, ctx: Context): readonly ListColumn[] | null {
  const given = args.options['fancy-format']
  if (typeof given !== 'string') return DEFAULT_COLUMNS
  const columns: ListColumn[] = []
  for (const word of given.split(',').filter((part) => part !== '')) {
    const column = LIST_COLUMNS.find((known) => known === word.trim().toUpperCase())
    if (!column) {
      ctx.stderr.write(`Invalid key: ${word}\n`)
      return null
    }
    columns.push(column)
  }
  return columns
}

function renderNames(listed: readonly Listed[], args: ParsedArgs, ctx: Context): string {
  const names = listed.map(({ name, parents }) => [...parents, name].join('/'))
  if (args.options.line) return names.map((name) => `${name}\n`).join('')
  return names.length === 0 ? '' : renderColumns(names, ctx.stdout.isTTY ? ctx.stdout.columns : null)
}

function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (error) {
    throw new TlxcError('USAGE', `invalid regular expression '${text}'`, { hint: 'quote it for the shell, and escape what is meant literally', cause: error })
  }
}

function parseNesting(given: unknown): number {
  if (given === undefined) return 0
  if (given === '') return DEFAULT_NESTING
  if (typeof given === 'string' && /^\d+$/.test(given)) return Number(given)
  throw new TlxcError('USAGE', `invalid value '${String(given)}' of --nesting`, { hint: 'give a number of levels' })
}
