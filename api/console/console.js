import { api, post, Problem } from './api.js'
import { h, icon, morph } from './dom.js'
import { clock } from './format.js'
import { empty, head } from './parts.js'
import { drawSide } from './side.js'
import { overview } from './view-overview.js'
import { vmDetail, vmList } from './view-vms.js'
import { migrationDetail, migrationList } from './view-migrations.js'
import { jobDetail, jobList } from './view-jobs.js'
import { providerDetail } from './view-capabilities.js'
import { providerList } from './view-providers.js'
import { resourceList } from './view-resources.js'
import { follow } from './follow.js'

/**
 * A view is `{ load, draw, follow?, onEvent? }`: `load` reads what it shows, `draw` makes it an element, `follow` says which job's events
 * make it read again at once; besides, it reads again every few seconds. Views are made with the parts of the address and its query.
 */
const routes = [
  [/^\/$/, () => overview()],
  [/^\/vms$/, () => vmList()],
  [/^\/vms\/(.+)$/, (id) => vmDetail(id)],
  [/^\/migrations$/, (query) => migrationList(query)],
  [/^\/migrations\/(.+)$/, (id) => migrationDetail(id)],
  [/^\/jobs$/, (query) => jobList(query)],
  [/^\/jobs\/(.+)$/, (id) => jobDetail(id)],
  [/^\/resources$/, () => resourceList('networks')],
  [/^\/resources\/([a-z-]+)$/, (path) => resourceList(path)],
  [/^\/providers$/, () => providerList()],
  [/^\/providers\/(.+)$/, (id) => providerDetail(id)],
]

const refreshMs = 4000
const soonMs = 200
const loadingMs = 300
const toastMs = 20_000
const main = document.querySelector('#main')
const shown = document.querySelector('#view')
const connection = document.querySelector('#connection')
let answeredAt

const session = await firstSession()
let current = { stop() {} }
let isFirst = true
addEventListener('hashchange', open)
document.addEventListener('click', (event) => {
  const row = event.target.closest('tr[data-href]')
  if (row && !event.target.closest('a, button') && !getSelection().toString())
    location.hash = row.dataset.href
})
document.querySelector('#skip').addEventListener('click', (event) => {
  event.preventDefault()
  main.focus()
})
open()

/** Until the API answers for the first time there is nothing to show but that. */
async function firstSession() {
  for (;;) {
    try {
      const found = await api('/session')
      answered()
      return found
    } catch (error) {
      unanswered(error)
      await new Promise((resolve) => setTimeout(resolve, refreshMs))
    }
  }
}

/** Shows the view that the address names, and keeps it fresh until another is opened. */
function open() {
  current.stop()
  const [path, query] = addressOf(location.hash)
  const [pattern, make] = routes.find(([candidate]) => candidate.test(path)) ?? [/.*/, nowhere]
  const view = make(...(pattern.exec(path) ?? []).slice(1), query)
  let stopped = false
  let drawn = false
  let turn = 0
  let pending
  let unfollow
  let following
  const stop = () => {
    stopped = true
    clearTimeout(pending)
    clearTimeout(loading)
    unfollow?.()
  }
  current = { stop }
  scrollTo(0, 0)
  shown.replaceChildren()
  const loading = setTimeout(() => show(h('div.empty', { 'aria-busy': 'true' }, 'Loading…')), loadingMs)
  const draw = (element) => {
    clearTimeout(loading)
    show(element)
    document.title = titleOf(element)
    if (!drawn && !isFirst) main.focus({ preventScroll: true })
    drawn = true
    isFirst = false
  }

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
    const mine = ++turn
    try {
      const state = await view.load()
      // What was asked for earlier and comes later is older.
      if (stopped || mine !== turn) return
      answered()
      draw(view.draw(state, context))
      followJob(view.follow?.(state))
    } catch (error) {
      if (stopped || mine !== turn) return
      if (isPassing(error)) unanswered(error)
      else draw(trouble(error))
    }
    again(refreshMs)
  }
  const followJob = (job) => {
    if (job === following) return
    unfollow?.()
    following = job
    unfollow =
      job &&
      follow(job, {
        onEvent(event) {
          view.onEvent?.(event)
          soon()
        },
        onLost: () => (following = undefined),
      })
  }
  const context = {
    may: (permission) => session.permissions.includes(permission),
    async act(work, button) {
      await act(work, button)
      following = undefined
      await refresh()
    },
    refresh: () => void refresh(),
  }
  drawSide(session, path)
  void refresh()
}

/** The path and the query of an address such as `#/jobs?state=failed`. */
function addressOf(hash) {
  const [path, query] = hash.slice(1).split('?')
  try {
    return [decodeURIComponent(path) || '/', new URLSearchParams(query)]
  } catch {
    return [path, new URLSearchParams(query)]
  }
}

const nowhere = () => ({
  load: () => Promise.resolve(),
  draw: () =>
    h('div', {}, head('Not found'), h('section.card', {}, empty('There is no such page', overviewLink()))),
})
const overviewLink = () => h('a', { href: '#/' }, 'To the overview')

function show(element) {
  if (shown.firstElementChild) morph(shown.firstElementChild, element)
  else shown.append(element)
}

/** A migration that is watched from another tab tells its progress in the tab's title. */
const titleOf = (element) =>
  [element.dataset.progress, element.querySelector('h1')?.textContent, 'NovaCron'].filter(Boolean).join(' · ')

/** No answer, or one that says to come again: what is shown stays, and it is asked again. */
const isPassing = (error) => !(error instanceof Problem) || error.problem.status >= 500

function answered() {
  answeredAt = new Date()
  connection.replaceChildren()
}

function unanswered(error) {
  const since = answeredAt
    ? `What you see is from ${clock(answeredAt)}. It goes on by itself.`
    : 'Trying again…'
  const what = error instanceof Problem ? error.message : 'The API does not answer.'
  connection.replaceChildren(
    h('div.notice', {}, icon('warning'), h('div', {}, h('b', {}, what), h('p.quiet', {}, since))),
  )
}

/** Does something on the user's behalf and tells when it is refused. */
async function act({ path, question }, button) {
  if (question && !confirm(question)) return
  button.disabled = true
  try {
    await post(path)
  } catch (error) {
    toast(error)
  }
  button.disabled = false
}

function toast(error) {
  const box = trouble(error)
  const close = h(
    'button.plain',
    { title: 'Close', 'aria-label': 'Close', onclick: () => box.remove() },
    icon('cross'),
  )
  box.classList.add('toast')
  box.append(close)
  document.body.append(box)
  setTimeout(() => box.remove(), toastMs)
}

function trouble(error) {
  const problem =
    error instanceof Problem
      ? error.problem
      : { detail: 'The API does not answer.', remedy: 'Try again in a moment.' }
  return h(
    'div.notice.bad',
    { role: 'alert' },
    icon('warning'),
    h('div', {}, h('b', {}, problem.detail), h('p.quiet', {}, problem.remedy ?? '')),
  )
}
