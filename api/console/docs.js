import { h, icon } from './dom.js'
import { code, operation } from './docs-operation.js'
import { prose } from './docs-schema.js'

const document_ = await (await fetch('/openapi.json')).json()
const methods = ['get', 'post', 'put', 'delete']
const origin = document_.servers[0].url.startsWith('http') ? document_.servers[0].url : location.origin

/** Every operation with its address, by tag. */
const operations = Object.entries(document_.paths).flatMap(([path, item]) =>
  methods.filter((method) => item[method]).map((method) => ({ ...item[method], method, path })),
)
const groups = document_.tags.map((tag) => ({
  ...tag,
  list: operations.filter(({ tags }) => tags.includes(tag.name)),
}))

drawContents('')
document.querySelector('#main').append(
  h(
    'header',
    { id: 'top' },
    h('h1', {}, 'NovaCron API'),
    document_.info.description.split('\n\n').map((text) => h('p', {}, prose(text))),
  ),
  start(),
  ...groups.map(group),
  permissionTable(),
  problemTable(),
)
goToPlace()
watchPlace()

function drawContents(filter) {
  const matches = ({ summary, path }) => `${summary} ${path}`.toLowerCase().includes(filter.toLowerCase())
  const list = h(
    'div',
    { id: 'entries' },
    groups.map(({ name, list: all }) => {
      const shown = all.filter(matches)
      return (
        shown.length > 0 && [
          h('h3', {}, name),
          shown.map(({ method, summary, operationId }) =>
            h(
              'a.entry',
              { href: `#${operationId}` },
              h('span.method', { class: method }, method.toUpperCase()),
              summary,
            ),
          ),
        ]
      )
    }),
    h('h3', {}, 'More'),
    [
      ['permissions', 'Roles and permissions'],
      ['problems', 'Problems'],
    ].map(([id, label]) => h('a.entry.plain', { href: `#${id}` }, label)),
    h('a.entry.plain', { href: '/openapi.json' }, 'OpenAPI 3.1 document'),
  )
  const shown = document.querySelector('#entries')
  if (shown) return shown.replaceWith(list)
  document.querySelector('#contents').append(
    h(
      'a.brand',
      { href: '/console' },
      h('img', { src: '/assets/logo.svg', alt: '' }),
      'NovaCron',
      h('button.plain', { title: 'Light or dark', onclick: toggle }, icon('theme')),
    ),
    h('input', {
      type: 'search',
      placeholder: 'Find a route',
      'aria-label': 'Find a route',
      oninput: (event) => drawContents(event.target.value),
    }),
    list,
  )
  return undefined
}

function toggle(event) {
  event.preventDefault()
  globalThis.toggleTheme()
}

function start() {
  const make = 'TOKEN=$(npm run --silent token -- --role admin --tenant acme)'
  return h(
    'section.card.operation',
    {},
    h('h3', {}, 'Start here'),
    h('p.quiet', {}, 'Every request carries a bearer token that names its tenant and roles. In development:'),
    h(
      'div',
      { style: { 'margin-top': '12px' } },
      code(`${make}\n\ncurl -H "Authorization: Bearer $TOKEN" ${origin}/api/multicloud/providers`),
    ),
  )
}

function group({ name, description, list }) {
  return h(
    'section.group',
    {},
    h('h2', { id: name.toLowerCase() }, name),
    h('p', {}, prose(description)),
    list.map((one) => operation(document_, origin, one)),
  )
}

function permissionTable() {
  return h(
    'section.group',
    { id: 'permissions' },
    h('h2', {}, 'Roles and permissions'),
    h('p', {}, 'A token’s roles give it these permissions, within its own tenant.'),
    h(
      'div.card',
      {},
      h(
        'table.list',
        {},
        h(
          'tr',
          {},
          ['Permission', 'Allows', 'Roles'].map((name) => h('th', {}, name)),
        ),
        document_['x-permissions'].map(({ name, meaning, roles }) =>
          h(
            'tr',
            {},
            h('td', {}, h('code', {}, name)),
            h('td', {}, meaning),
            h('td.quiet', {}, roles.join(', ')),
          ),
        ),
      ),
    ),
  )
}

function problemTable() {
  return h(
    'section.group',
    { id: 'problems' },
    h('h2', {}, 'Problems'),
    h(
      'p',
      {},
      prose(
        'Every error is `application/problem+json` (RFC 9457) with one of these codes, `detail` for what happened, `remedy` for what to do, and `errors` for the fields that are wrong.',
      ),
    ),
    h(
      'div.card',
      {},
      h(
        'table.list',
        {},
        h(
          'tr',
          {},
          ['Status', 'Code', 'Meaning'].map((name) => h('th', {}, name)),
        ),
        document_['x-problems'].map(({ code: name, status, title }) =>
          h(
            'tr',
            { id: `problem-${name}` },
            h('td', {}, String(status)),
            h('td', {}, h('code', {}, name)),
            h('td', {}, title),
          ),
        ),
      ),
    ),
  )
}

/** What the address names was not there when the page was opened: going there again finds and marks it. */
function goToPlace() {
  const { hash } = location
  if (!hash) return
  location.hash = ''
  location.hash = hash
}

/** Marks the entry of what is being read. */
function watchPlace() {
  const observer = new IntersectionObserver(
    (seen) => {
      for (const { target, isIntersecting } of seen) {
        if (!isIntersecting) continue
        for (const entry of document.querySelectorAll('a.entry')) {
          const here = entry.getAttribute('href') === `#${target.id}`
          if (here) entry.setAttribute('aria-current', 'true')
          else entry.removeAttribute('aria-current')
        }
      }
    },
    { rootMargin: '-10% 0px -75% 0px' },
  )
  for (const article of document.querySelectorAll('article.operation')) observer.observe(article)
}
