/** Text and JSON of tlxc-template. Pure. */
import { renderMegabytes } from './size.ts'
import { renderTable } from './table.ts'

/** What the text tells of template/find.ts's Template. */
export interface TemplateSummary {
  readonly name: string
  readonly file: string
  readonly origin: string
  readonly summary: string
}

/** What it tells of template/cache.ts's CacheEntry. */
export interface CacheSummary {
  readonly template: string
  readonly name: string
  readonly kind: string
  readonly source: string | null
  readonly created: number
  readonly expires: number | null
  readonly build: string | null
  readonly bytes: number
}

const ORIGINS: Readonly<Record<string, string>> = { installed: 'tlxc', path: 'TLXC_TEMPLATE_PATH', lxc: 'LXC' }

export function templatesText(templates: readonly TemplateSummary[]): string {
  const columns = ['NAME', 'FROM', 'SUMMARY'].map((header) => ({ header }))
  return renderTable(columns, templates.map(({ name, file, origin, summary }) => [origin === 'lxc' ? file : name, ORIGINS[origin] ?? origin, summary || '-']))
}

/** cache: null for who may not see it. */
export function templateText({ name, file, origin, summary }: TemplateSummary, cache: readonly CacheSummary[] | null, now: number): string {
  const bytes = cache?.reduce((sum, entry) => sum + entry.bytes, 0) ?? 0
  const kept = cache === null ? 'only root sees it' : cache.length === 0 ? 'nothing' : renderMegabytes(bytes)
  const rows = [['Name', name], ['File', file], ['From', ORIGINS[origin] ?? origin], ['Summary', summary || '-'], ['Cache', kept]]
  const head = rows.map(([key = '', value = '']) => `${`${key}:`.padEnd(15)} ${value}\n`).join('')
  return cache === null || cache.length === 0 ? head : `${head}\n${cacheText(cache, now)}`
}

/** now: seconds since 1970. */
export function cacheText(cache: readonly CacheSummary[], now: number): string {
  const columns = [{ header: 'TEMPLATE' }, { header: 'ENTRY' }, { header: 'AGE', align: 'right' as const }, { header: 'SIZE', align: 'right' as const }, { header: 'STATE' }, { header: 'SOURCE' }]
  return renderTable(columns, cache.map((entry) => [entry.template, entry.name, ageText(now - entry.created), renderMegabytes(entry.bytes), stateText(entry, now), entry.source ?? '-']))
}

/** The largest unit of which there is at least one: 12s, 5m, 3h, 40d. */
function ageText(seconds: number): string {
  const age = Math.max(0, Math.floor(seconds))
  if (age < 60) return `${age}s`
  if (age < 3600) return `${Math.floor(age / 60)}m`
  if (age < 86_400) return `${Math.floor(age / 3600)}h`
  return `${Math.floor(age / 86_400)}d`
}

function stateText({ kind, expires }: CacheSummary, now: number): string {
  if (kind !== 'image') return kind === 'part' ? 'incomplete' : 'shared'
  return expires !== null && expires <= now ? 'expired' : 'ready'
}
