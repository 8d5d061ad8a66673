import { h } from './dom.js'

/** Text with `code` in it. */
export const prose = (text) =>
  (text ?? '').split('`').map((part, index) => (index % 2 === 1 ? h('code', {}, part) : part))

/** Follows a reference within the document. */
export const resolve = (document, schema) =>
  schema?.$ref
    ? schema.$ref
        .slice(2)
        .split('/')
        .reduce((at, key) => at[key], document)
    : (schema ?? {})

/** The members of an object schema, those of objects within it too, as a tree. */
export function fields(document, schema, depth = 0) {
  const object = objectIn(document, schema)
  if (!object?.properties) return undefined
  const required = new Set(object.required)
  return h(
    'ul.fields',
    {},
    Object.entries(object.properties).map(([name, member]) => {
      const inner = depth < 3 ? fields(document, member, depth + 1) : undefined
      const facts = resolve(document, member)
      return h(
        'li',
        {},
        h('span.name', {}, name),
        h('span.type', {}, typeName(document, member)),
        required.has(name) && facts.default === undefined && h('span.must', {}, 'required'),
        h('div.about', {}, prose(aboutOf(facts))),
        inner &&
          (depth > 0 || inner.childElementCount > 8
            ? h('details', {}, h('summary', {}, `${inner.childElementCount} fields`), inner)
            : inner),
      )
    }),
  )
}

/** The object that a schema is, or that its list or its one alternative holds. */
function objectIn(document, schema) {
  const facts = resolve(document, schema)
  if (facts.properties) return facts
  if (facts.items) return objectIn(document, facts.items)
  const branch = (facts.anyOf ?? facts.oneOf ?? facts.allOf)?.find((one) => resolve(document, one).properties)
  return branch && objectIn(document, branch)
}

function aboutOf(facts) {
  const limits = [
    facts.default !== undefined &&
      JSON.stringify(facts.default) !== '{}' &&
      JSON.stringify(facts.default) !== '[]' &&
      `Default: \`${JSON.stringify(facts.default)}\`.`,
    facts.minimum !== undefined &&
      facts.maximum !== undefined &&
      facts.maximum < 1e15 &&
      `From ${facts.minimum} to ${facts.maximum}.`,
    facts.maxLength !== undefined && `At most ${facts.maxLength} characters.`,
    facts.maxItems !== undefined && `At most ${facts.maxItems} entries.`,
  ]
  return [facts.description, ...limits].filter(Boolean).join(' ')
}

export function typeName(document, schema) {
  const facts = resolve(document, schema)
  if (facts.enum) return facts.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (facts.const !== undefined) return JSON.stringify(facts.const)
  const branches = facts.anyOf ?? facts.oneOf
  if (branches) return [...new Set(branches.map((one) => typeName(document, one)))].join(' | ')
  if (facts.type === 'array') return `list of ${typeName(document, facts.items)}`
  if (Array.isArray(facts.type)) return facts.type.join(' | ')
  if (facts.type === 'object' && !facts.properties) return 'map'
  return facts.format === 'date-time' ? 'time' : (facts.type ?? 'any')
}

/** A value that the schema would take, for the examples. */
export function sample(document, schema, depth = 0) {
  const facts = resolve(document, schema)
  if (facts.example !== undefined) return facts.example
  if (facts.default !== undefined && depth > 0) return facts.default
  if (facts.enum) return facts.enum[0]
  if (facts.properties) {
    const required = new Set(facts.required)
    return Object.fromEntries(
      Object.entries(facts.properties)
        .filter(([name, member]) => required.has(name) || resolve(document, member).example !== undefined)
        .map(([name, member]) => [name, depth > 4 ? '…' : sample(document, member, depth + 1)]),
    )
  }
  const branch = (facts.anyOf ?? facts.oneOf)?.[0]
  if (branch) return sample(document, branch, depth)
  const plain = { array: [], object: {}, integer: 1, number: 1, boolean: true }
  return facts.type in plain ? plain[facts.type] : 'text'
}
