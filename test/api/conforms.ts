/** The part of OpenAPI and JSON Schema that our document uses. */
export interface Document {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

interface Operation {
  operationId: string
  summary: string
  'x-permission': string
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}

export interface Schema {
  $ref?: string
  type?: string | string[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  items?: Schema
  enum?: unknown[]
  anyOf?: Schema[]
}

/**
 * Where a value differs from a schema. Stricter than JSON Schema on purpose: a member that the schema does not name is a fault, unless
 * the schema says that others may be there.
 */
export function conforms(document: Document, given: Schema, value: unknown, at = '$'): string[] {
  const schema = given.$ref ? document.components.schemas[given.$ref.split('/').at(-1) ?? ''] : given
  if (!schema) return [`${at}: unknown reference ${given.$ref}`]
  if (schema.anyOf) {
    const tries = schema.anyOf.map((one) => conforms(document, one, value, at))
    return tries.some((faults) => faults.length === 0) ? [] : (tries[0] ?? [])
  }
  if (schema.enum)
    return schema.enum.includes(value) ? [] : [`${at}: ${JSON.stringify(value)} is not one of the values`]
  const types = [schema.type ?? []].flat()
  if (types.length > 0 && !types.some((type) => isOf(type, value)))
    return [`${at}: ${JSON.stringify(value)?.slice(0, 60)} is no ${types.join(' or ')}`]
  if (Array.isArray(value))
    return value.flatMap((item, index) => conforms(document, schema.items ?? {}, item, `${at}[${index}]`))
  if (typeof value !== 'object' || value === null) return []
  return membersOf(document, schema, value as Record<string, unknown>, at)
}

function membersOf(document: Document, schema: Schema, value: Record<string, unknown>, at: string): string[] {
  const missing = (schema.required ?? [])
    .filter((name) => !(name in value))
    .map((name) => `${at}.${name}: is missing`)
  const rest = schema.additionalProperties
  const others = Object.entries(value).flatMap(([name, member]) => {
    const own = schema.properties?.[name]
    if (own) return conforms(document, own, member, `${at}.${name}`)
    if (typeof rest === 'object') return conforms(document, rest, member, `${at}.${name}`)
    return rest === true || !schema.properties ? [] : [`${at}.${name}: is not in the document`]
  })
  return [...missing, ...others]
}

const isOf = (type: string, value: unknown): boolean =>
  ({
    null: value === null,
    array: Array.isArray(value),
    object: typeof value === 'object' && value !== null && !Array.isArray(value),
    integer: Number.isInteger(value),
    number: typeof value === 'number',
    string: typeof value === 'string',
    boolean: typeof value === 'boolean',
  })[type] ?? false
