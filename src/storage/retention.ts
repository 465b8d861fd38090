/**
 * Which snapshots a retention policy keeps, and by which rule. PURE.
 *
 * As restic's "forget" does it: each rule looks at all snapshots by itself, newest first, and keeps the newest one of each of the last N
 * periods *that have a snapshot* (a week without the machine uses up no week). What no rule keeps goes. A snapshot may be kept by several.
 * Periods are those of local time: an hour, a calendar day, an ISO 8601 week (Monday to Sunday), a month. Two hours with the same name,
 * when the clock is set back, are two.
 */
import { naturalOrder } from '../config/natural-order.ts'
import { keepCount } from '../config/schema/own.ts'
import type { SystemConfig } from '../config/schema/system.ts'

export const RETENTION_RULES = ['last', 'hourly', 'daily', 'weekly', 'monthly'] as const
export type RetentionRule = (typeof RETENTION_RULES)[number]

/** How many each rule keeps. Absent: the rule is not in force; 0: it keeps none. */
export type Retention = Readonly<Partial<Record<RetentionRule, number>>>

export interface Prunable {
  name: string
  /** Milliseconds since the epoch. */
  created: number
  /** Never pruned, and stands for no period. */
  pinned?: boolean
}

export interface Reason {
  /** newest: the rules would have left nothing at all. */
  rule: RetentionRule | 'pinned' | 'newest'
  /** What it stands for: "2026-11-25 14", "2026-11-25", "2026-W48", "2026-11"; last: its place, "1" for the newest. '' for the rest. */
  period: string
}

export interface PruneDecision {
  name: string
  created: number
  kept: boolean
  /** Why it stays; empty when it goes. */
  reasons: readonly Reason[]
}

/**
 * One decision for each snapshot, newest first. Without any rule everything stays: a policy that nobody has written down deletes nothing. When the
 * rules keep nothing (all of them 0), the newest stays.
 * timeZone: an IANA name; default that of the process.
 */
export function planPrune(snapshots: readonly Prunable[], keep: Retention, timeZone?: string): PruneDecision[] {
  const newestFirst = [...snapshots].sort((a, b) => b.created - a.created || naturalOrder(b.name, a.name))
  const rules = RETENTION_RULES.filter((rule) => keep[rule] !== undefined)
  if (rules.length === 0) return newestFirst.map(({ name, created }) => ({ name, created, kept: true, reasons: [] }))
  const free = newestFirst.filter(({ pinned }) => !pinned)
  const periodsOf = localPeriods(timeZone)
  const reasons = new Map<Prunable, Reason[]>(newestFirst.map((one) => [one, one.pinned ? [{ rule: 'pinned', period: '' }] : []]))
  const periods = free.map(({ created }, at) => ({ ...periodsOf(created), last: { key: String(at), label: String(at + 1) } }))
  for (const rule of rules) {
    const seen = new Set<string>()
    free.forEach((one, at) => {
      const period = periods[at]?.[rule]
      if (!period || seen.size >= (keep[rule] ?? 0) || seen.has(period.key)) return
      seen.add(period.key)
      reasons.get(one)?.push({ rule, period: period.label })
    })
  }
  const [newest] = newestFirst
  if (newest && [...reasons.values()].every((list) => list.length === 0)) reasons.get(newest)?.push({ rule: 'newest', period: '' })
  return newestFirst.map((one) => {
    const why = reasons.get(one) ?? []
    return { name: one.name, created: one.created, kept: why.length > 0, reasons: why }
  })
}

/**
 * The policy in force: what the command line says is all of it; otherwise each rule from the container's keys, or from the system's
 * configuration. In the own keys, "tlxc.snapshot.keep.daily" and so on, are values that the configuration's codec has accepted.
 */
export function retentionOf(options: Retention, own: Readonly<Record<string, string>>, system: Omit<SystemConfig['snapshot'], 'keepUndo'>): Retention {
  if (RETENTION_RULES.some((rule) => options[rule] !== undefined)) return options
  const defaults: Retention = omitAbsent({
    last: system.keepLast, hourly: system.keepHourly, daily: system.keepDaily, weekly: system.keepWeekly, monthly: system.keepMonthly,
  })
  const merged: Partial<Record<RetentionRule, number>> = {}
  for (const rule of RETENTION_RULES) {
    const text = own[`tlxc.snapshot.keep.${rule}`]
    const value = text === undefined ? defaults[rule] : keepCount.parse(text)
    if (value !== undefined) merged[rule] = value
  }
  return merged
}

function omitAbsent(rules: Readonly<Record<RetentionRule, number | undefined>>): Retention {
  return Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined))
}

interface Period {
  key: string
  label: string
}

type Calendar = Readonly<Record<Exclude<RetentionRule, 'last'>, Period>>

function localPeriods(timeZone: string | undefined): (created: number) => Calendar {
  const format = new Intl.DateTimeFormat('en-US', {
    year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
    hourCycle: 'h23', calendar: 'iso8601', numberingSystem: 'latn', ...(timeZone === undefined ? {} : { timeZone }),
  })
  return (created) => {
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {}
    for (const { type, value } of format.formatToParts(created)) parts[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
    const date = `${year}-${two(month)}-${two(day)}`
    // The distance from UTC tells the two hours apart that have one name when summer time ends.
    const offset = Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(created / 1000) * 1000
    return {
      hourly: { key: `${date} ${hour} ${offset}`, label: `${date} ${two(hour)}` },
      daily: same(date),
      weekly: same(isoWeek(year, month, day)),
      monthly: same(`${year}-${two(month)}`),
    }
  }
}

const same = (text: string): Period => ({ key: text, label: text })
const two = (value: number): string => String(value).padStart(2, '0')
const DAY = 86_400_000

/** "2026-W01": the week with the year's first Thursday is its first. */
function isoWeek(year: number, month: number, day: number): string {
  const date = Date.UTC(year, month - 1, day)
  const weekday = (new Date(date).getUTCDay() + 6) % 7
  const thursday = date + (3 - weekday) * DAY
  const weekYear = new Date(thursday).getUTCFullYear()
  const week = Math.floor((thursday - Date.UTC(weekYear, 0, 1)) / DAY / 7) + 1
  return `${weekYear}-W${two(week)}`
}
