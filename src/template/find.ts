/**
 * template/: finding and running the programs that fill a root file system, and rendering what tlxc writes itself. It knows no
 * container but by path and name. This file: from the word after -t to a program.
 */
import { closest } from '../config/closest.ts'
import { TlxcError } from '../errors.ts'
import type { Host } from '../host/host.ts'

const PREFIXES = ['tlxc-', 'lxc-']
/** Where LXC's own are. They work by their full path; a name never means one of them, so that it means the same everywhere. */
const LXC_TEMPLATES = '/usr/share/lxc/templates'

/** What of a command's environment matters here. */
export type TemplateEnvironment = Readonly<Record<string, string | undefined>>

export interface Template {
  readonly name: string
  readonly file: string
  /** path: a directory of TLXC_TEMPLATE_PATH; installed: with tlxc; lxc: LXC's own, for which -t takes the full path. */
  readonly origin: 'path' | 'installed' | 'lxc'
}

/** An absolute path, or the name of one in a directory of TLXC_TEMPLATE_PATH or among the installed ones. Throws TlxcError TEMPLATE that says what there is. */
export function findTemplate(host: Host, template: string, env: TemplateEnvironment = {}): string {
  if (template.startsWith('/')) {
    if (isProgram(host, template)) return template
    throw new TlxcError('TEMPLATE', `cannot use template "${template}": it is no executable file`, { hint: installed(host, env) })
  }
  const found = template.includes('/') ? undefined : candidates(host, template, env).find((file) => isProgram(host, file))
  if (found !== undefined) return found
  throw new TlxcError('TEMPLATE', `cannot find template "${template}": there is no "${host.paths.templates}/tlxc-${template}"`, {
    hint: meant(host, template, env),
  })
}

/** Names of the templates that -t takes by name, sorted. */
export function listTemplates(host: Host, env: TemplateEnvironment = {}): string[] {
  return describeTemplates(host, env).flatMap(({ name, origin }) => (origin === 'lxc' ? [] : [name]))
}

/** Every template there is, sorted; of one name only the one that -t would take. LXC's own come last. */
export function describeTemplates(host: Host, env: TemplateEnvironment = {}): Template[] {
  const ours = new Map<string, Template>()
  for (const { directory, origin } of directories(host, env)) {
    for (const { name, file } of templatesIn(host, directory)) if (!ours.has(name)) ours.set(name, { name, file, origin })
  }
  const lxc = templatesIn(host, LXC_TEMPLATES).map(({ name, file }) => ({ name, file, origin: 'lxc' as const }))
  const byName = (a: Template, b: Template): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  return [...[...ours.values()].sort(byName), ...lxc.sort(byName)]
}

/** Those of TLXC_TEMPLATE_PATH first, in their order. Relative ones mean nothing: root would run what lies wherever it is called. */
function directories(host: Host, env: TemplateEnvironment): { directory: string; origin: 'path' | 'installed' }[] {
  const own = (env['TLXC_TEMPLATE_PATH'] ?? '').split(':').filter((directory) => directory.startsWith('/'))
  return [...own.map((directory) => ({ directory, origin: 'path' as const })), { directory: host.paths.templates, origin: 'installed' }]
}

function templatesIn(host: Host, directory: string): { name: string; file: string }[] {
  return PREFIXES.flatMap((prefix) =>
    namesIn(host, directory)
      .filter((file) => file.startsWith(prefix) && isProgram(host, `${directory}/${file}`))
      .map((file) => ({ name: file.slice(prefix.length), file: `${directory}/${file}` })),
  )
}

function namesIn(host: Host, directory: string): string[] {
  try {
    return host.fs.readdirSync(directory)
  } catch {
    // A directory that is not there has no templates.
    return []
  }
}

function candidates(host: Host, name: string, env: TemplateEnvironment): string[] {
  return directories(host, env).flatMap(({ directory }) => PREFIXES.map((prefix) => `${directory}/${prefix}${name}`))
}

function meant(host: Host, name: string, env: TemplateEnvironment): string {
  const lxc = `${LXC_TEMPLATES}/lxc-${name}`
  if (isProgram(host, lxc)) return `LXC has one: -t ${lxc}`
  const near = closest(name, listTemplates(host, env))
  return near === undefined ? installed(host, env) : `did you mean "${near}"? ${installed(host, env)}`
}

function installed(host: Host, env: TemplateEnvironment): string {
  const names = listTemplates(host, env)
  return names.length === 0 ? `no templates are installed in ${host.paths.templates}` : `templates: ${names.join(', ')}, or a full path`
}

function isProgram(host: Host, file: string): boolean {
  try {
    host.fs.accessSync(file, host.fs.constants.X_OK)
    return host.fs.statSync(file).isFile()
  } catch {
    return false
  }
}
