import { h } from './dom.js'
import { fields, prose, resolve, sample, typeName } from './docs-schema.js'

/** One operation of the document: its address, what it takes, what it answers, and a request to copy. */
export function operation(document_, origin, one) {
  const body = one.requestBody?.content?.['application/json']?.schema
  const parameters = one.parameters ?? []
  const table = (place, title) => {
    const list = parameters.filter((parameter) => parameter.in === place)
    return (
      list.length > 0 && [
        h('h4', {}, title),
        h(
          'ul.fields',
          {},
          list.map((entry) => parameter(document_, entry)),
        ),
      ]
    )
  }
  return h(
    'article.card.operation',
    { id: one.operationId },
    h(
      'div.top',
      {},
      h('h3', {}, h('a', { href: `#${one.operationId}` }, one.summary)),
      h('a.permission', { href: '#permissions' }, one['x-permission']),
    ),
    h(
      'div.address',
      {},
      h('span.method', { class: one.method }, one.method.toUpperCase()),
      h(
        'span',
        {},
        one.path.split(/(\{\w+\})/).map((part) => (part.startsWith('{') ? h('i', {}, part) : part)),
      ),
    ),
    one.description && h('p.quiet', {}, prose(one.description)),
    h(
      'div.columns',
      {},
      h(
        'div',
        {},
        table('path', 'Path'),
        table('query', 'Query'),
        table('header', 'Headers'),
        body && [
          h('h4', {}, one.requestBody.required ? 'Body' : 'Body (may be left out)'),
          fields(document_, body),
        ],
      ),
      h(
        'div',
        {},
        h('h4', {}, 'Request'),
        code(curl(document_, origin, one, body)),
        h('h4', {}, 'Answers'),
        Object.entries(one.responses).map((entry) => answer(document_, entry)),
      ),
    ),
  )
}

const parameter = (document_, { name, required, schema, description }) =>
  h(
    'li',
    {},
    h('span.name', {}, name),
    h('span.type', {}, typeName(document_, schema)),
    required && h('span.must', {}, 'required'),
    h('div.about', {}, prose(description ?? schema?.description)),
  )

function answer(document_, [status, response]) {
  const [[type, content] = []] = Object.entries(response.content ?? {})
  const name = content && resolve(document_, content.schema)
  const bad = Number(status) >= 400
  const shown = name && !bad && fields(document_, content.schema)
  const summary = h('summary', {}, h('b', { class: bad ? 'bad' : '' }, status), prose(response.description))
  return h(
    'details',
    {},
    summary,
    shown
      ? [type !== 'application/json' && h('p.quiet', {}, type), shown]
      : bad &&
          h(
            'p.quiet',
            {},
            'As ',
            h('code', {}, 'application/problem+json'),
            '; see ',
            h('a', { href: '#problems' }, 'Problems'),
            '.',
          ),
  )
}

function curl(document_, origin, { method, path, parameters = [] }, body) {
  const lines = [`curl -X ${method.toUpperCase()} ${origin}${path}`, '  -H "Authorization: Bearer $TOKEN"']
  if (parameters.some(({ name }) => name === 'If-Match')) lines.push(`  -H 'If-Match: "v1"'`)
  if (body)
    lines.push(
      "  -H 'Content-Type: application/json'",
      `  -d '${JSON.stringify(sample(document_, body), null, 2)}'`,
    )
  return lines.join(' \\\n').replace(/^curl -X GET/, 'curl')
}

/** Text to copy. */
export function code(text) {
  const copy = h(
    'button',
    { onclick: () => navigator.clipboard?.writeText(text).then(() => copy.replaceChildren('Copied')) },
    'Copy',
  )
  return h('pre', {}, copy, text)
}
