/** The effective settings of a configuration in order, after includes, replacements and clears. */
import type { KeyRow, ListRow, LocatedListRow, LocatedScalarRow, ScalarRow } from './schema/row.ts'
import type { Where } from './types.ts'
import { netIndexOf, subkeyOf } from './schema.ts'
import { requiredNetType } from './schema/network.ts'

export interface Setting {
  key: string
  row: KeyRow
  raw: string
  where: Where
  /** As the codec gave them: one, or one a word. */
  values: readonly unknown[]
}

export class Settings {
  #all: Setting[] = []
  /** Made when somebody looks for a key, forgotten with every change: some two hundred keys are looked for when all lines are read. */
  #byKey: Map<string, Setting[]> | null = null

  get all(): readonly Setting[] {
    return this.#all
  }

  /** A scalar takes the place of its earlier value; a list grows. */
  add(setting: Setting): void {
    this.#byKey = null
    const earlier = setting.row.repeat === 'scalar' ? this.#all.findIndex(({ key }) => key === setting.key) : -1
    if (earlier < 0) this.#all.push(setting)
    else this.#all[earlier] = setting
  }

  /** What an empty value does: the key itself; for lxc.net, lxc.net.N, lxc.hook and prefixes alone, everything below. */
  clear(key: string, row: KeyRow): void {
    const below = row.prefix ? (other: Setting): boolean => other.row === row && subkeyOf(row, key) === null : belowClearing(key, row)
    this.#keep((setting) => setting.key !== key && !below(setting))
  }

  /** A new type of an interface takes away what only the old one had, as in LXC. */
  forgetNetKind(typeKey: string): void {
    const index = netIndexOf(typeKey)
    this.#keep(({ key }) => netIndexOf(key) !== index || requiredNetType(key) === null)
  }

  scalar<T>(row: ScalarRow<T>, key: string = row.key): T | undefined {
    return this.#with(key)[0]?.values[0] as T | undefined
  }

  list<T>(row: ListRow<T>, key: string = row.key): T[] {
    return this.located(row, key).map(({ value }) => value)
  }

  located<T>(row: KeyRow<T>, key: string = row.key): { value: T; where: Where }[] {
    return this.#with(key).flatMap(({ values, where }) => values.map((value) => ({ value: value as T, where })))
  }

  /** Everything below a prefix, in order. */
  below<T>(row: KeyRow<T>): { subkey: string; value: T; where: Where }[] {
    return this.#all
      .filter((setting) => setting.row === row)
      .map(({ key, values, where }) => ({ subkey: subkeyOf(row, key) ?? '', value: values[0] as T, where }))
  }

  #keep(wanted: (setting: Setting) => boolean): void {
    this.#byKey = null
    this.#all = this.#all.filter(wanted)
  }

  #with(key: string): readonly Setting[] {
    this.#byKey ??= grouped(this.#all)
    return this.#byKey.get(key) ?? []
  }
}

function grouped(settings: readonly Setting[]): Map<string, Setting[]> {
  const groups = new Map<string, Setting[]>()
  for (const setting of settings) {
    const group = groups.get(setting.key)
    if (group) group.push(setting)
    else groups.set(setting.key, [setting])
  }
  return groups
}

function belowClearing(key: string, row: KeyRow): (setting: Setting) => boolean {
  if (row.key === 'lxc.net') return (setting) => setting.key.startsWith('lxc.net.')
  if (row.key === 'lxc.hook') return (setting) => setting.key.startsWith('lxc.hook.') && setting.key !== 'lxc.hook.version'
  if (row.key === 'lxc.net.N') return (setting) => netIndexOf(setting.key) === netIndexOf(key)
  return () => false
}

type Family = Readonly<Record<string, KeyRow<unknown>>>

/** Fields of ContainerConfig or NetConfig that a family gives: scalars when set, lists always. */
export type FamilyFields<F extends Family> = {
  -readonly [K in keyof F as F[K] extends ScalarRow<unknown> ? K : never]?: F[K] extends LocatedScalarRow<infer T>
    ? T & { where: Where }
    : F[K] extends ScalarRow<infer T>
      ? T
      : never
} & {
  -readonly [K in keyof F as F[K] extends ListRow<unknown> ? K : never]: F[K] extends LocatedListRow<infer T>
    ? (T & { where: Where })[]
    : F[K] extends ListRow<infer T>
      ? T[]
      : never
}

/** Collects a family; keyOf turns a row's key into the one to look for (lxc.net.N.… → lxc.net.3.…). */
export function collect<F extends Family>(settings: Settings, family: F, keyOf: (key: string) => string = (key) => key): FamilyFields<F> {
  const fields: Record<string, unknown> = {}
  for (const [field, row] of Object.entries(family)) {
    const found = settings.located(row, keyOf(row.key)).map(({ value, where }) => (row.located ? { ...(value as object), where } : value))
    if (row.repeat !== 'scalar') fields[field] = found
    else if (found.length > 0) fields[field] = found[0]
  }
  return fields as FamilyFields<F>
}
