import { createRequire } from 'node:module'
import { Refusal } from '#test/clouds/gcp/refusal.ts'

/** One operation of Compute Engine as its own interface description gives it. */
export interface MethodSpec {
  /** e.g. `compute.instances.insert` */
  operation: string
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  /** Type of the body, if there is one. */
  body: string | undefined
  /** Parameters of the query by name, with their types. */
  query: ReadonlyMap<string, string>
}

/** The vendor's description of the operations, by name. */
export function methodSpecs(): ReadonlyMap<string, MethodSpec> {
  return (specs ??= readSpecs())
}

/**
 * Checks a body against the vendor's description of its type: unknown fields and wrong types are refused, as the real service does.
 * @throws Refusal 400 `invalid` naming the field.
 */
export function checkBody(type: string, value: unknown, path = 'resource'): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType(path, 'an object')
  const fields = messages().get(type)?.fields ?? {}
  for (const [name, item] of Object.entries(value)) {
    const field = fields[name]
    if (!field)
      throw new Refusal(
        400,
        'invalid',
        `Invalid JSON payload received. Unknown name "${name}" at '${path}': Cannot find field.`,
      )
    checkField(field, item, `${path}.${name}`)
  }
}

/** Checks one parameter of the query. @throws Refusal 400 `invalidParameter`. */
export function checkParameter(name: string, type: string, value: string): void {
  const fine = type === 'bool' ? /^(true|false)$/.test(value) : /int/.test(type) ? /^\d+$/.test(value) : true
  if (!fine)
    throw new Refusal(
      400,
      'invalidParameter',
      `Invalid value '${value}'. Values must match the type ${type}.`,
      name,
    )
}

interface Field {
  type: string
  rule?: string
  keyType?: string
}

interface Message {
  fields?: Record<string, Field>
  values?: Record<string, number>
  methods?: Record<string, { requestType: string; options: Record<string, string> }>
  nested?: Record<string, Message>
}

let specs: ReadonlyMap<string, MethodSpec> | undefined
let known: ReadonlyMap<string, Message> | undefined

function messages(): ReadonlyMap<string, Message> {
  if (known) return known
  const require = createRequire(import.meta.url)
  const root = require('@google-cloud/compute/build/protos/protos.json') as Message
  const compute = ['google', 'cloud', 'compute', 'v1'].reduce<Message>(
    (at, name) => at.nested?.[name] ?? {},
    root,
  )
  return (known = new Map(Object.entries(compute.nested ?? {})))
}

function readSpecs(): ReadonlyMap<string, MethodSpec> {
  const found = new Map<string, MethodSpec>()
  for (const [service, { methods = {} }] of messages()) {
    for (const [name, { requestType, options }] of Object.entries(methods)) {
      const spec = readSpec(`compute.${lowerFirst(service)}.${lowerFirst(name)}`, requestType, options)
      if (spec) found.set(spec.operation, spec)
    }
  }
  return found
}

function readSpec(
  operation: string,
  requestType: string,
  options: Record<string, string>,
): MethodSpec | undefined {
  const method = (['get', 'post', 'put', 'patch', 'delete'] as const).find(
    (verb) => options[`(google.api.http).${verb}`],
  )
  const template = method && options[`(google.api.http).${method}`]
  if (!method || !template) return undefined
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => `{${camel(name)}}`)
  const fields = Object.entries(messages().get(requestType)?.fields ?? {})
  const bodyField = camel(options['(google.api.http).body'] ?? '')
  return {
    operation,
    method: method.toUpperCase() as MethodSpec['method'],
    path,
    body: fields.find(([name]) => name === bodyField)?.[1].type,
    query: new Map(
      fields
        .filter(([name]) => name !== bodyField && !path.includes(`{${name}}`))
        .map(([name, { type }]) => [name, type]),
    ),
  }
}

function checkField({ type, rule, keyType }: Field, value: unknown, path: string): void {
  if (value === null) return
  if (rule === 'repeated') {
    if (!Array.isArray(value)) throw wrongType(path, 'a list')
    for (const [index, item] of value.entries()) checkValue(type, item, `${path}[${index}]`)
  } else if (keyType !== undefined) {
    if (typeof value !== 'object' || Array.isArray(value)) throw wrongType(path, 'a map')
    for (const [key, item] of Object.entries(value)) checkValue(type, item, `${path}.${key}`)
  } else checkValue(type, value, path)
}

function checkValue(type: string, value: unknown, path: string): void {
  if (type === 'string' || type === 'bytes') {
    if (typeof value !== 'string') throw wrongType(path, 'TYPE_STRING')
  } else if (type === 'bool') {
    if (typeof value !== 'boolean') throw wrongType(path, 'TYPE_BOOL')
  } else if (/^u?int(32|64)$/.test(type)) {
    const whole =
      typeof value === 'number' ? Number.isInteger(value) : typeof value === 'string' && /^-?\d+$/.test(value)
    if (!whole) throw wrongType(path, `TYPE_${type.toUpperCase()}`)
  } else if (type === 'double' || type === 'float') {
    if (typeof value !== 'number') throw wrongType(path, 'TYPE_DOUBLE')
  } else if (messages().get(type)?.fields) checkBody(type, value, path)
  else if (typeof value !== 'string') throw wrongType(path, type)
}

const wrongType = (path: string, wanted: string): Refusal =>
  new Refusal(400, 'invalid', `Invalid value at '${path}' (${wanted})`)

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)
const camel = (text: string): string => text.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
