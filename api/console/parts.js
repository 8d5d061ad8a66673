import { h, icon } from './dom.js'
import { ago, left, moment, words } from './format.js'

const tones = {
  good: ['running', 'available', 'in_use', 'succeeded', 'completed', 'healthy', 'delivered'],
  live: ['in_progress', 'undoing', 'stopping', 'terminating', 'deleting', 'pending', 'queued'],
  bad: ['failed', 'error', 'unhealthy'],
  warn: ['degraded', 'rolled_back', 'cancelled', 'suspended'],
}

const toneOf = (state) => Object.keys(tones).find((tone) => tones[tone].includes(state)) ?? ''

/** A state in its colour. A job or step that runs is at work, a VM that runs is well. */
export const pill = (state, tone = toneOf(state)) => h('span.pill', { class: tone }, words(state))

export const jobPill = (state) => pill(state, state === 'running' ? 'live' : undefined)

/** How much is done, from 0 to 1. */
export function bar(fraction, tone = '', tall = false) {
  const percent = Math.round(Math.min(1, Math.max(0, fraction)) * 1000) / 10
  return h(
    'div.bar',
    {
      class: `${tone}${tall ? ' tall' : ''}`,
      role: 'progressbar',
      'aria-valuenow': String(percent),
      'aria-valuemin': '0',
      'aria-valuemax': '100',
    },
    h('i', { style: { width: `${percent}%` } }),
  )
}

export const barTone = (state) =>
  ({
    succeeded: 'good',
    completed: 'good',
    failed: 'bad',
    rolled_back: 'bad',
    cancelled: 'idle',
    queued: 'idle',
  })[state] ?? ''

/** A bar with its figure, and below it what is being done and how long it will take; for a table. */
export const progress = (fraction, state, doing, eta) => [
  h('div.progress', {}, bar(fraction, barTone(state)), h('span', {}, `${Math.floor(fraction * 100)} %`)),
  (doing || left(eta)) && h('span.sub', {}, [doing, left(eta)].filter(Boolean).join(' · ')),
]

/** How long ago, with the point in time for those who point at it. */
export const when = (time, none = '–') =>
  time ? h('time.quiet.tight', { datetime: time, title: moment(time) }, ago(time)) : h('span.quiet', {}, none)

/** Filters of a list, as links: `[address, label, isCurrent]`. */
export const tabs = (label, entries) =>
  h(
    'nav.row.tabs',
    { 'aria-label': label },
    entries.map(([href, text, isCurrent]) =>
      h('a', { href, 'aria-current': isCurrent ? 'page' : undefined }, text),
    ),
  )

/** What stands below a list that goes on. */
export const moreRows = (list, { rows, more }, context) =>
  more &&
  h(
    'div.more-rows',
    {},
    h('span.quiet', {}, `The newest ${rows.length} are shown.`),
    h(
      'button',
      {
        onclick: () => {
          list.showMore()
          context.refresh()
        },
      },
      'Show more',
    ),
  )

export const head = (title, about, actions = [], crumb) =>
  h(
    'header.head',
    {},
    h(
      'div',
      {},
      crumb && h('a.crumb', { href: crumb[0] }, `← ${crumb[1]}`),
      h('h1', {}, title),
      about && h('p', {}, about),
    ),
    h('div.row', {}, actions),
  )

/** A card with a heading. */
export const section = (title, aside, ...content) =>
  h(
    'section.card.section',
    {},
    h('header', {}, h('h2', {}, title), aside && h('span.quiet', {}, aside)),
    content,
  )

/** A card that is opened when it is wanted, for long lists. */
export const fold = (title, aside, ...content) =>
  h(
    'details.card.section',
    {},
    h('summary', {}, h('h2', {}, title), aside && h('span.quiet', {}, aside)),
    content,
  )

/** A figure; with `href` it leads to what it counts. */
export const tile = (label, value, about, { small = false, href } = {}) =>
  h(
    href ? 'a.card.tile' : 'div.card.tile',
    { class: small ? 'small' : '', href },
    h('div.label', {}, label),
    h('b', {}, value),
    about && h('div.faint', {}, about),
  )

/** Rows are `{ href, cells }`. */
export const table = (columns, rows) =>
  h(
    'table',
    {},
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        columns.map((name) => h('th', { scope: 'col' }, name)),
      ),
    ),
    h(
      'tbody',
      {},
      rows.map(({ href, cells }) =>
        h(
          'tr',
          { 'data-href': href },
          cells.map((cell) => h('td', {}, cell)),
        ),
      ),
    ),
  )

export const empty = (title, about) => h('div.empty', {}, h('b', {}, title), about)

/** What went wrong, and what to do about it. */
export const problemBox = (problem) =>
  problem &&
  h(
    problem.code === 'cancelled' ? 'div.notice.calm' : 'div.notice.bad',
    {},
    icon(problem.code === 'cancelled' ? 'cross' : 'warning'),
    h(
      'div',
      {},
      h('b', {}, problem.detail),
      h(
        'p.quiet',
        {},
        [problem.remedy, problem.step && `Step: ${words(problem.step)}.`, `Code: ${problem.code}.`]
          .filter(Boolean)
          .join(' '),
      ),
    ),
  )

export const warningsBox = (warnings) =>
  warnings?.length > 0 &&
  h(
    'div.notice',
    {},
    icon('warning'),
    h(
      'div',
      {},
      warnings.map((warning) => h('div', {}, warning)),
    ),
  )

/** What an undo could not take back. */
export const residueBox = (residue) =>
  residue?.length > 0 &&
  h(
    'div.notice.bad',
    {},
    icon('warning'),
    h(
      'div',
      {},
      h('b', {}, 'Left behind, to be looked at by a person'),
      residue.map((one) => h('div.quiet', {}, `${words(one.step)}: ${one.problem.detail}`)),
    ),
  )

/** Facts are `[name, value, wide?]`; empty ones are left out. */
export const facts = (list) =>
  h(
    'dl.facts',
    {},
    list.flatMap(([name, value, wide]) =>
      value === null || value === undefined || value === ''
        ? []
        : [h('div', { class: wide ? 'wide' : '' }, h('dt', {}, name), h('dd', {}, value))],
    ),
  )

export const actionButton = (context, { permission, label, name, path, question, tone }) =>
  context.may(permission) &&
  h(
    'button',
    { class: tone ?? '', onclick: ({ currentTarget }) => context.act({ path, question }, currentTarget) },
    icon(name),
    label,
  )
