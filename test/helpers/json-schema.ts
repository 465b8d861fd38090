/** Just enough of JSON Schema to check our own documents: type, const, enum, properties, required, items. Unknown keywords fail. */
import { readFileSync } from 'node:fs'

export interface Schema {
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  additionalProperties?: Schema
  description?: string
  title?: string
  $schema?: string
}

const KEYWORDS = ['type', 'const', 'enum', 'properties', 'required', 'items', 'additionalProperties', 'description', 'title', '$schema']

export function readSchema(kind: string): Schema {
  return JSON.parse(readFileSync(new URL(`../../src/render/schemas/${kind}.json`, import.meta.url), 'utf8')) as Schema
}

/** What is wrong with a document, one line each; it is checked against the schema that it names. */
export function problemsOf(text: string): string[] {
  const document = JSON.parse(text) as { schema?: unknown }
  const kind = /^tlxc\/([a-z-]+)\/1$/.exec(String(document.schema))?.[1]
  return kind === undefined ? [`unknown schema ${String(document.schema)}`] : check(document, readSchema(kind), kind)
}

/** Strict where a schema is open: a field that the schema does not describe is undocumented. */
function check(value: unknown, schema: Schema, path: string): string[] {
  const unknown = Object.keys(schema).filter((keyword) => !KEYWORDS.includes(keyword))
  if (unknown.length > 0) return [`${path}: keywords ${unknown.join()} are not understood`]
  const types = schema.type === undefined ? null : [schema.type].flat()
  if (types && !types.includes(typeOf(value)) && !(types.includes('number') && typeOf(value) === 'integer')) {
    return [`${path}: ${typeOf(value)} instead of ${types.join(' or ')}`]
  }
  if ('const' in schema && value !== schema.const) return [`${path}: not ${String(schema.const)}`]
  if (schema.enum && !schema.enum.includes(value)) return [`${path}: ${String(value)} is none of ${schema.enum.join()}`]
  if (Array.isArray(value)) return value.flatMap((item, at) => check(item, schema.items ?? {}, `${path}[${String(at)}]`))
  return typeof value === 'object' && value !== null ? checkObject(value as Record<string, unknown>, schema, path) : []
}

function checkObject(value: Record<string, unknown>, schema: Schema, path: string): string[] {
  const { properties = {}, required = [], additionalProperties } = schema
  const missing = required.filter((key) => !Object.hasOwn(value, key)).map((key) => `${path}.${key}: missing`)
  const wrong = Object.entries(value).flatMap(([key, inner]) => {
    const described = properties[key] ?? additionalProperties
    return described ? check(inner, described, `${path}.${key}`) : [`${path}.${key}: not in the schema`]
  })
  return [...missing, ...wrong]
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}
