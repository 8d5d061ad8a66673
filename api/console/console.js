import { api, follow, post, Problem } from './api.js'
import { h, icon, morph } from './dom.js'
import { overview } from './view-overview.js'
import { vmDetail, vmList } from './view-vms.js'
import { migrationDetail, migrationList } from './view-migrations.js'
import { jobDetail, jobList } from './view-jobs.js'
import { providerDetail } from './view-capabilities.js'
import { providerList } from './view-providers.js'
import { resourceList } from './view-resources.js'

/**
 * A view is `{ load, draw, follow?, onEvent? }`: `load` reads what it shows, `draw` makes it an element, `follow` says which job's events
 * make it read again at once; besides, it reads again every few seconds.
 */
const routes = [
  [/^\/$/, () => overview()],
  [/^\/vms$/, () => vmList()],
  [/^\/vms\/(.+)$/, (id) => vmDetail(id)],
  [/^\/migrations$/, () => migrationList()],
  [/^\/migrations\/(.+)$/, (id) => migrationDetail(id)],
  [/^\/jobs$/, () => jobList()],
  [/^\/jobs\/(.+)$/, (id) => jobDetail(id)],
  [/^\/resources(?:\/([a-z-]+))?$/, (path) => resourceList(path)],
  [/^\/providers$/, () => providerList()],
  [/^\/providers\/(.+)$/, (id) => providerDetail(id)],
]

const refreshMs = 4000
const soonMs = 200
const main = document.querySelector('#main')
const side = document.querySelector('#side')
const session = await api('/session')

let current = { stop() {} }
addEventListener('hashchange', open)
document.addEventListener('click', (event) => {
  const row = event.target.closest('tr[data-href]')
  if (row && !event.target.closest('a, button')) location.hash = row.dataset.href
})
open()

/** Shows the view that the address names, and keeps it fresh until another is opened. */
function open() {
  current.stop()
  const path = decodeURIComponent(location.hash.slice(1)) || '/'
  const [pattern, make] = routes.find(([candidate]) => candidate.test(path)) ?? routes[0]
  const view = make(...(pattern.exec(path) ?? []).slice(1))
  let stopped = false
  let pending
  let unfollow
  let following
  const stop = () => {
    stopped = true
    clearTimeout(pending)
    unfollow?.()
  }
  current = { stop }
  scrollTo(0, 0)
  main.replaceChildren()

  const again = (ms) => {
    clearTimeout(pending)
    if (!stopped) pending = setTimeout(refresh, ms)
  }
  let hurrying = false
  /** Many events of one moment make one reading. */
  const soon = () => {
    if (!hurrying) again(soonMs)
    hurrying = true
  }
  const refresh = async () => {
    hurrying = false
    try {
      const state = await view.load()
      if (stopped) return
      show(view.draw(state, context))
      const job = view.follow?.(state)
      if (job !== following) {
        unfollow?.()
        following = job
        unfollow =
          job &&
          follow(job, (event) => {
            view.onEvent?.(event)
            soon()
          })
      }
    } catch (error) {
      if (!stopped) show(trouble(error))
    }
    again(refreshMs)
  }
  const context = {
    may: (permission) => session.permissions.includes(permission),
    act: (work) => act(work, refresh),
    refresh: () => void refresh(),
  }
  drawSide(path)
  void refresh()
}

function show(element) {
  if (main.firstElementChild) morph(main.firstElementChild, element)
  else main.append(element)
}

/** Does something on the user's behalf and tells when it is refused. */
async function act({ path, question }, refresh) {
  if (question && !confirm(question)) return
  try {
    await post(path)
  } catch (error) {
    toast(error)
  }
  await refresh()
}

function toast(error) {
  const box = trouble(error)
  box.classList.add('toast')
  document.body.append(box)
  setTimeout(() => box.remove(), 7000)
}

function trouble(error) {
  const problem =
    error instanceof Problem ? error.problem : { detail: 'The API does not answer.', remedy: 'Trying again…' }
  return h(
    'div.notice.bad',
    { role: 'alert' },
    icon('warning'),
    h('div', {}, h('b', {}, problem.detail), h('p.quiet', {}, problem.remedy ?? '')),
  )
}

function drawSide(path) {
  const entry = (href, name, label) =>
    h(
      'a',
      {
        href: `#${href}`,
        'aria-current': (href === '/' ? path === '/' : path.startsWith(href)) ? 'page' : undefined,
      },
      icon(name),
      label,
    )
  const outside = (href, name, label) => h('a', { href }, icon(name), label)
  side.replaceChildren(
    h('a.brand', { href: '#/' }, h('img', { src: '/assets/logo.svg', alt: '' }), 'NovaCron'),
    h(
      'nav',
      { 'aria-label': 'Console' },
      entry('/', 'overview', 'Overview'),
      entry('/vms', 'server', 'VMs'),
      entry('/resources', 'layers', 'Resources'),
      entry('/migrations', 'move', 'Migrations'),
      entry('/jobs', 'jobs', 'Jobs'),
      entry('/providers', 'cloud', 'Providers'),
    ),
    h('div.label', {}, 'Tools'),
    h(
      'nav',
      { 'aria-label': 'Tools' },
      outside('/docs', 'book', 'API reference'),
      session.permissions.includes('board:view') && outside('/board', 'board', 'Queue board'),
    ),
    h(
      'div.who',
      {},
      h(
        'div',
        {},
        h('b', {}, session.tenant),
        h('span', {}, `${session.subject} · ${session.roles.join(', ')}`),
      ),
      h('button.plain', { title: 'Light or dark', onclick: () => globalThis.toggleTheme() }, icon('theme')),
      h(
        'form',
        { method: 'post', action: '/logout' },
        h('button.plain', { title: 'Sign out' }, icon('leave')),
      ),
    ),
  )
}
