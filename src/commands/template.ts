/** tlxc-template: what templates there are, and what they keep. */
import { defineCommand, type Context, type ParsedArgs } from '../cli/command.ts'
import { collectOldBases } from '../container/trash.ts'
import { TlxcError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { renderJson } from '../render/json.ts'
import { cacheText, templatesText, templateText } from '../render/template.ts'
import { flushCache, listCache, type CacheEntry } from '../template/cache.ts'
import { describeTemplates, findTemplate, type Template } from '../template/find.ts'
import { refreshEntries } from '../template/refresh.ts'

export default defineCommand({
  name: 'template',
  summary: 'list templates, and manage what they keep',
  positionals: '[list|show TEMPLATE|cache [TEMPLATE[/ENTRY]...]]',
  description:
    'Without more, or with list, tells every template that tlxc-create -t takes: those in the directories of TLXC_TEMPLATE_PATH (absolute, with colons between), which go first, ' +
    'the installed ones, and by their full path those of LXC. show tells one, with what it keeps; its options: tlxc-create -t TEMPLATE -h. ' +
    'cache lists what templates keep in /var/cache/tlxc, how old and how big it is, and where it came from; with --flush it is removed, with --refresh made again ' +
    'where the source has something newer: creates go on with the old one until the new one is whole, and a failure leaves the old one. Both wait for a create that ' +
    'copies from it; containers that were made of it keep what they have. A layer that containers share (a finished system, or one of the layers of an OCI image) goes ' +
    'with what it was made of, once no container has it any more.',
  nameMode: 'none',
  words: ['list', 'show', 'cache'],
  json: true,
  options: {
    flush: { value: 'none', describe: 'With cache: remove what is listed' },
    refresh: { value: 'none', describe: 'With cache: bring what is listed up to date' },
  },
  examples: [
    { command: 'tlxc-template list', describe: 'What tlxc-create -t takes' },
    { command: 'tlxc-template cache', describe: 'What is kept, how old, how big' },
    { command: 'tlxc-template cache --flush debian', describe: "Remove one template's" },
    { command: 'tlxc-template cache --refresh debian', describe: "Bring one template's up to date, as from cron" },
  ],
  async run(args, ctx) {
    const [action = 'list', ...names] = args.positionals
    const { flush, refresh } = args.options
    if ((flush === true || refresh === true) && action !== 'cache') throw new TlxcError('USAGE', 'options --flush and --refresh are about the cache', { hint: 'tlxc-template cache --flush' })
    if (flush === true && refresh === true) throw new TlxcError('USAGE', 'options --flush and --refresh exclude one another', { hint: '--refresh makes again what is there' })
    switch (action) {
      case 'list':
        if (names.length > 0) throw usage(names[0] ?? '')
        return list(ctx)
      case 'show':
        return await show(ctx, names)
      case 'cache':
        return (await cache(ctx, names, args)) === 0 ? EXIT.ok : EXIT.failure
      default:
        throw usage(action)
    }
  },
})

interface Described extends Template {
  summary: string
}

function list(ctx: Context): void {
  const templates = describeTemplates(ctx.host, ctx.env).map((template) => described(ctx, template))
  ctx.stdout.write(ctx.json ? renderJson('template', { templates }) : templatesText(templates))
}

async function show(ctx: Context, [name, ...more]: readonly string[]): Promise<void> {
  if (name === undefined || more.length > 0) throw new TlxcError('USAGE', 'show takes one template', { hint: 'tlxc-template show NAME' })
  const file = findTemplate(ctx.host, name, ctx.env)
  const known = describeTemplates(ctx.host, ctx.env).find((template) => template.file === file)
  const template = described(ctx, known ?? { name, file, origin: 'path' })
  // The cache holds set-uid files: only root looks into it.
  const entries = ctx.host.uid !== 0 ? null : template.name.includes('/') ? [] : await listCache(ctx.host, template.name)
  const shown = { templates: [template], ...(entries === null ? {} : { cache: entries.map(publicEntry) }) }
  ctx.stdout.write(ctx.json ? renderJson('template', shown) : templateText(template, entries, ctx.host.now() / 1000))
}

/** Resolves with the number of entries that could not be refreshed. */
async function cache(ctx: Context, names: readonly string[], args: ParsedArgs): Promise<number> {
  const entries = chosen(await listCache(ctx.host), names)
  const { flush, refresh } = args.options
  if ((flush === true || refresh === true) && ctx.host.uid !== 0) throw new TlxcError('PRIVILEGE', 'cannot change the cache: only root can', { hint: 'run it as root' })
  if (flush === true) await flushCache(ctx.host, entries, ctx.lockTimeoutMs)
  const failed = refresh === true ? await refreshEntries(ctx, entries) : 0
  if (flush === true || refresh === true) await collectOldBases(ctx.host, ctx.lxcpath)
  const left = flush === true || refresh === true ? await listCache(ctx.host) : entries
  if (ctx.json) ctx.stdout.write(renderJson('template', { cache: left.map(publicEntry) }))
  else if (flush !== true && refresh !== true) ctx.stdout.write(cacheText(left, ctx.host.now() / 1000))
  return failed
}

/** Throws TlxcError USAGE for a name that is nothing in the cache: a slip must not look like success. */
function chosen(entries: readonly CacheEntry[], names: readonly string[]): readonly CacheEntry[] {
  const fits = (entry: CacheEntry, name: string): boolean => entry.template === name || `${entry.template}/${entry.name}` === name
  const odd = names.find((name) => !entries.some((entry) => fits(entry, name)))
  if (odd !== undefined) {
    const known = [...new Set(entries.map(({ template }) => template))].join(', ')
    throw new TlxcError('USAGE', `there is nothing of "${odd}" in the cache`, { hint: known === '' ? 'the cache is empty' : `there is something of: ${known}` })
  }
  return names.length === 0 ? entries : entries.filter((entry) => names.some((name) => fits(entry, name)))
}

/** What the file says of itself in its first lines: "# Template: ...". */
function described({ host }: Context, template: Template): Described {
  const head = Buffer.alloc(1024)
  const file = host.fs.openSync(template.file, 'r')
  try {
    const length = host.fs.readSync(file, head, 0, head.length, 0)
    const summary = /^# Template: (.+)$/m.exec(head.toString('utf8', 0, length))?.[1] ?? ''
    return { ...template, summary: summary.replace(/\p{Cc}/gu, ' ').replace(/\.$/, '') }
  } finally {
    host.fs.closeSync(file)
  }
}

function publicEntry({ template, name, path, kind, source, created, expires, build, bytes }: CacheEntry): object {
  return { template, name, path, kind, source, created, expires, build, bytes }
}

function usage(word: string): TlxcError {
  return new TlxcError('USAGE', `cannot understand "${word}": expected list, show or cache`, { hint: 'tlxc-template --help' })
}
