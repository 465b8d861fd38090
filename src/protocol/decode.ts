/**
 * Checks what came from the other side against schema.ts: every field present and of its type, no field unknown; but a monitor
 * that outlived a downgrade may tell more than we know. PURE.
 */
import { ENUMS, STRUCTS } from './schema.ts'
import type { ComposeReport, Event, LivesnapReport, Reply, Report, Request, Status, StorageReport } from './generated.ts'

interface Structs {
  ComposeReport: ComposeReport
  Event: Event
  LivesnapReport: LivesnapReport
  Reply: Reply
  Report: Report
  Request: Request
  Status: Status
  StorageReport: StorageReport
}

/** Throws Error naming the field when `value` is no STRUCT of the schema. */
export function decodeStruct<K extends keyof Structs>(struct: K, value: unknown): Structs[K] {
  checkStruct(struct, value, struct, OPEN.has(struct))
  return value as Structs[K]
}

/** What running monitors say: fields are only ever appended (schema.ts). */
const OPEN: ReadonlySet<string> = new Set<keyof Structs>(['Event', 'Reply', 'Status'])

function checkStruct(struct: string, value: unknown, at: string, open: boolean): void {
  const fields = STRUCTS[struct]?.fields
  if (!fields) throw new Error(`${at}: no such struct "${struct}"`)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${at}: not an object`)
  const given = value as Record<string, unknown>
  for (const key of Object.keys(given)) {
    if (!open && !Object.hasOwn(fields, key)) throw new Error(`${at}.${key}: unknown field`)
  }
  for (const [key, field] of Object.entries(fields)) checkField(field.type, given[key], `${at}.${key}`, open)
}

function checkField(type: string, value: unknown, at: string, open: boolean): void {
  if (type.endsWith('?')) {
    if (value !== undefined && value !== null) checkField(type.slice(0, -1), value, at, open)
  } else if (type.endsWith('[]')) {
    if (!Array.isArray(value)) throw new Error(`${at}: not a list`)
    value.forEach((item: unknown, index) => checkField(type.slice(0, -2), item, `${at}[${index}]`, open))
  } else if (type.startsWith('struct:')) {
    checkStruct(type.slice(7), value, at, open)
  } else if (!isScalar(type, value)) {
    throw new Error(`${at}: not ${type}`)
  }
}

function isScalar(type: string, value: unknown): boolean {
  if (type === 'string') return typeof value === 'string'
  if (type === 'bool') return typeof value === 'boolean'
  if (type === 'uint') return Number.isSafeInteger(value) && Number(value) >= 0
  if (type === 'int') return Number.isSafeInteger(value)
  return type.startsWith('enum:') && (ENUMS[type.slice(5)]?.values.includes(value as string) ?? false)
}
