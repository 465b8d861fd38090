/** JSON Schema of what `tlxc-start --explain` prints, from src/protocol/schema.ts. Pure. */
import { ENUMS, STRUCTS, type Field } from '../protocol/schema.ts'
import { parseType } from './generate-protocol.ts'

type Json = Record<string, unknown>

export function generatePlanSchema(): string {
  const { required, properties } = objectOf('Plan')
  const schema = { const: 'tlxc/plan/1' }
  const document = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'tlxc/plan/1',
    description: 'What tlxc-start would do, as it is handed to the monitor (tlxc-start --explain). Follows the protocol of this version of tlxc.',
    type: 'object',
    required: ['schema', ...required],
    properties: { schema, ...properties },
  }
  return JSON.stringify(document, null, 2)
}

function objectOf(struct: string): { required: string[]; properties: Record<string, Json> } {
  const fields = Object.entries(STRUCTS[struct]?.fields ?? {})
  return {
    required: fields.filter(([, { type }]) => !type.endsWith('?')).map(([key]) => key),
    properties: Object.fromEntries(fields.map(([key, field]) => [key, propertyOf(key, field)])),
  }
}

function propertyOf(key: string, field: Field): Json {
  const { base, name, list, optional } = parseType(field.type)
  const description = field.doc || (base === 'struct' ? STRUCTS[name]?.doc : base === 'enum' ? ENUMS[name]?.doc : undefined) || key.replaceAll('_', ' ')
  const item = itemOf(base, name)
  if (list) return { type: optional ? ['array', 'null'] : 'array', description, items: item }
  if (!optional) return { ...item, description }
  const values = item['enum'] as readonly string[] | undefined
  return { ...item, type: [item['type'], 'null'], ...(values ? { enum: [...values, null] } : {}), description }
}

function itemOf(base: string, name: string): Json {
  if (base === 'struct') return { type: 'object', ...objectOf(name) }
  if (base === 'enum') return { type: 'string', enum: ENUMS[name]?.values }
  return { type: base === 'uint' || base === 'int' ? 'integer' : base === 'bool' ? 'boolean' : 'string' }
}
