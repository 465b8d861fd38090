import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planPrune, RETENTION_RULES, retentionOf, type Prunable, type Retention } from '../../../src/storage/retention.ts'

const at = (text: string, zone = 'Z'): number => Date.parse(`${text}${zone}`)
const snap = (text: string, zone?: string): Prunable => ({ name: text, created: at(text, zone) })
const kept = (snapshots: readonly Prunable[], keep: Retention, zone = 'UTC'): Record<string, string[]> =>
  Object.fromEntries(
    planPrune(snapshots, keep, zone).filter((one) => one.kept).map((one) => [one.name, one.reasons.map(({ rule, period }) => `${rule} ${period}`.trim())]),
  )

describe('planPrune', () => {
  const week = ['23T01', '23T12', '24T01', '25T01', '25T09:10', '25T09:50'].map((day) => snap(`2026-11-${day}${day.includes(':') ? ':00' : ':00:00'}`))

  it('keeps the newest of each period, each rule by itself', () => {
    expect(kept(week, { last: 1, hourly: 2, daily: 3, weekly: 1, monthly: 1 })).toEqual({
      '2026-11-25T09:50:00': ['last 1', 'hourly 2026-11-25 09', 'daily 2026-11-25', 'weekly 2026-W48', 'monthly 2026-11'],
      '2026-11-25T01:00:00': ['hourly 2026-11-25 01'],
      '2026-11-24T01:00:00': ['daily 2026-11-24'],
      '2026-11-23T12:00:00': ['daily 2026-11-23'],
    })
  })

  it('counts periods that have a snapshot, not those that went by without one', () => {
    const rare = ['2024-02-29T10:00:00', '2025-07-01T10:00:00', '2026-11-01T10:00:00'].map((text) => snap(text))
    expect(Object.keys(kept(rare, { daily: 2 }))).toEqual(['2026-11-01T10:00:00', '2025-07-01T10:00:00'])
  })

  it('takes weeks from Monday, and the year that a week belongs to', () => {
    // Friday 1 January 2027 is in the 53rd week of 2026; Monday the 4th begins 2027's first.
    const days = ['2026-12-27', '2026-12-28', '2027-01-01', '2027-01-03', '2027-01-04'].map((day) => snap(`${day}T08:00:00`))
    expect(kept(days, { weekly: 9 })).toEqual({
      '2027-01-04T08:00:00': ['weekly 2027-W01'],
      '2027-01-03T08:00:00': ['weekly 2026-W53'],
      '2026-12-27T08:00:00': ['weekly 2026-W52'],
    })
  })

  it('takes days of the local calendar', () => {
    const evening = snap('2026-03-10T20:00:00', 'Z')
    const night = snap('2026-03-10T23:30:00', 'Z')
    expect(Object.keys(kept([evening, night], { daily: 9 }, 'UTC'))).toHaveLength(1)
    expect(kept([evening, night], { daily: 9 }, 'Europe/Berlin')).toEqual({
      '2026-03-10T23:30:00': ['daily 2026-03-11'],
      '2026-03-10T20:00:00': ['daily 2026-03-10'],
    })
    // 05:45 from UTC: its hours begin at a quarter past.
    expect(Object.keys(kept([snap('2026-03-10T10:10:00'), snap('2026-03-10T10:20:00')], { hourly: 9 }, 'Asia/Kathmandu'))).toHaveLength(2)
    expect(Object.keys(kept([snap('2026-03-10T10:20:00'), snap('2026-03-10T11:10:00')], { hourly: 9 }, 'Asia/Kathmandu'))).toHaveLength(1)
  })

  it('tells the two hours between two and three apart when the clock is set back', () => {
    const summer = snap('2026-10-25T00:30:00')
    const winter = snap('2026-10-25T01:30:00')
    expect(kept([summer, winter], { hourly: 9 }, 'Europe/Berlin')).toEqual({
      '2026-10-25T01:30:00': ['hourly 2026-10-25 02'],
      '2026-10-25T00:30:00': ['hourly 2026-10-25 02'],
    })
    expect(Object.keys(kept([summer, winter], { daily: 9 }, 'Europe/Berlin'))).toHaveLength(1)
  })

  it('a day of 23 hours is one day', () => {
    const day = ['2026-03-28T23:10:00', '2026-03-29T00:50:00', '2026-03-29T01:10:00', '2026-03-29T21:50:00'].map((text) => snap(text))
    expect(Object.keys(kept(day, { daily: 9 }, 'Europe/Berlin'))).toEqual(['2026-03-29T21:50:00'])
    expect(Object.keys(kept(day, { hourly: 9 }, 'Europe/Berlin'))).toHaveLength(4)
  })

  it('prunes nothing without a rule, and never the newest when the rules keep nothing', () => {
    expect(planPrune(week, {}, 'UTC').every((one) => one.kept)).toBe(true)
    expect(kept(week, { last: 0 })).toEqual({ '2026-11-25T09:50:00': ['newest'] })
    expect(planPrune([], { last: 0 }, 'UTC')).toEqual([])
  })

  it('leaves the pinned ones alone, and they stand for no period', () => {
    const pinned = { ...snap('2026-11-25T10:00:00'), pinned: true }
    expect(kept([...week, pinned], { last: 1 })).toEqual({ '2026-11-25T10:00:00': ['pinned'], '2026-11-25T09:50:00': ['last 1'] })
    expect(kept([...week, pinned], { last: 0 })).toEqual({ '2026-11-25T10:00:00': ['pinned'] })
  })

  it('takes the higher number for the newer one when the times are equal', () => {
    const equal = ['snap9', 'snap10', 'snap2'].map((name) => ({ name, created: 5 }))
    expect(Object.keys(kept(equal, { daily: 1 }))).toEqual(['snap10'])
  })
})

describe('planPrune, whatever there is', () => {
  const start = Date.UTC(2026, 0, 1)
  const some = fc.uniqueArray(
    fc.record({ name: fc.string({ minLength: 1 }), created: fc.integer({ min: start, max: start + 400 * 86_400_000 }), pinned: fc.boolean() }),
    { selector: ({ name }) => name, maxLength: 60 },
  )
  const count = fc.option(fc.nat(12), { nil: undefined })
  const policy = fc.record({ last: count, hourly: count, daily: count, weekly: count, monthly: count }).map((rules) => {
    const set = Object.entries(rules).filter((entry): entry is [string, number] => entry[1] !== undefined)
    return Object.fromEntries(set) as Retention
  })
  const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Apia', 'Australia/Lord_Howe')

  it('decides on each once, newest first, keeps no more than it was told and never nothing', () => {
    fc.assert(
      fc.property(some, policy, zone, (snapshots, keep, timeZone) => {
        const decisions = planPrune(snapshots, keep, timeZone)
        expect(decisions.map(({ name }) => name).sort()).toEqual(snapshots.map(({ name }) => name).sort())
        decisions.slice(1).forEach((one, index) => expect(one.created).toBeLessThanOrEqual(decisions[index]!.created))
        if (snapshots.length > 0) expect(decisions.some((one) => one.kept)).toBe(true)
        for (const rule of RETENTION_RULES) {
          const by = decisions.filter((one) => one.reasons.some((reason) => reason.rule === rule))
          expect(by.length).toBeLessThanOrEqual(keep[rule] ?? 0)
          const periods = by.map((one) => `${one.reasons.find((reason) => reason.rule === rule)!.period}`)
          if (rule !== 'hourly') expect(new Set(periods).size).toBe(by.length)
        }
      }),
    )
  })

  it('is settled: pruning what is left prunes nothing more', () => {
    fc.assert(
      fc.property(some, policy, zone, (snapshots, keep, timeZone) => {
        const left = planPrune(snapshots, keep, timeZone).filter((one) => one.kept)
        const again = planPrune(snapshots.filter(({ name }) => left.some((one) => one.name === name)), keep, timeZone)
        expect(again).toEqual(left)
      }),
    )
  })

  it('keeps more with a higher number', () => {
    fc.assert(
      fc.property(some, policy, fc.constantFrom(...RETENTION_RULES), (snapshots, keep, rule) => {
        const fewer = planPrune(snapshots, { ...keep, [rule]: keep[rule] ?? 0 }, 'UTC')
        const more = planPrune(snapshots, { ...keep, [rule]: (keep[rule] ?? 0) + 1 }, 'UTC')
        const names = new Set(more.filter((one) => one.kept).map(({ name }) => name))
        for (const one of fewer) if (one.kept) expect(names).toContain(one.name)
      }),
    )
  })
})

describe('retentionOf', () => {
  it('takes the command line alone, else each rule from the container or the system', () => {
    const own = { 'tlxc.snapshot.keep.daily': '7', 'tlxc.other': 'x' }
    expect(retentionOf({ last: 2 }, own, { keepWeekly: 4 })).toEqual({ last: 2 })
    expect(retentionOf({}, own, { keepWeekly: 4, keepDaily: 1 })).toEqual({ daily: 7, weekly: 4 })
    expect(retentionOf({}, {}, {})).toEqual({})
  })
})
