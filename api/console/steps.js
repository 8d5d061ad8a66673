import { bytes, clock, span, words } from './format.js'
import { h, icon } from './dom.js'
import { bar, section } from './parts.js'

const marks = { succeeded: 'check', failed: 'cross', cancelled: 'cross', skipped: 'skip', queued: 'clock' }

/** The steps of a job as the API lists them: what is done, what runs, what is to come, and what is being taken back. */
export const stepList = (steps) =>
  section(
    'Steps',
    `${steps.filter((step) => step.state === 'succeeded' && step.direction === 'do').length} of ${steps.filter((step) => step.direction === 'do').length} done`,
    h('ol.steps', {}, steps.map(stepItem)),
  )

function stepItem(step) {
  const running = step.state === 'running'
  const counts = step.total > 1_000_000
  return h(
    'li',
    { class: step.state, 'data-key': `${step.direction}-${step.name}` },
    h('span.mark', {}, marks[step.state] && icon(marks[step.state])),
    h(
      'div.title',
      {},
      words(step.name),
      step.direction === 'undo' &&
        h('span.undo', {}, step.state === 'succeeded' ? 'taken back' : 'taking back'),
    ),
    h('div.time', {}, timeOf(step)),
    h(
      'div.more',
      {},
      running && step.total > 0 && bar(step.progress),
      running && counts && h('span', {}, `${bytes(step.done)} of ${bytes(step.total)}`),
      step.detail && (running || step.state === 'succeeded') && h('span', {}, step.detail),
      step.attempts > 0 &&
        step.state !== 'succeeded' &&
        h(
          'span',
          {},
          `${step.attempts} failed ${step.attempts === 1 ? 'try' : 'tries'}${step.next_try_at ? `, next at ${clock(step.next_try_at)}` : ''}`,
        ),
      step.problem &&
        step.state !== 'succeeded' &&
        h('span', { class: step.state === 'failed' ? 'bad' : '' }, step.problem.detail),
    ),
  )
}

function timeOf(step) {
  if (step.state === 'pending') return ''
  if (step.state === 'skipped') return 'not reached'
  if (!step.started_at) return 'in line'
  return span((step.finished_at ? Date.parse(step.finished_at) : Date.now()) - Date.parse(step.started_at))
}

/** The events of a job, newest first. */
export const eventLog = (events) =>
  section(
    'Events',
    events.length > 0 ? `${events.length}` : '',
    h(
      'ol.log',
      {},
      events
        .toReversed()
        .map((event) =>
          h(
            'li',
            {},
            h('time', { datetime: event.at }, clock(event.at)),
            h('span', {}, words(event.type)),
            h('span.said', {}, said(event)),
          ),
        ),
    ),
  )

function said({ type, data }) {
  const step = data.step ? words(data.step) : ''
  if (type === 'progress') {
    const amount =
      data.total > 1_000_000 ? `${bytes(data.done)} of ${bytes(data.total)}` : (data.detail ?? '')
    return [step, amount, `${Math.floor((data.progress ?? 0) * 100)} %`].filter(Boolean).join(' · ')
  }
  return [step, data.problem?.detail, data.reason, data.delay_ms && `again in ${span(data.delay_ms)}`]
    .filter(Boolean)
    .join(' · ')
}

/** Collects events for the log: progress within one step is one line, which changes. */
export function eventStore() {
  const events = []
  return {
    events,
    add(event) {
      if (events.some(({ seq }) => seq === event.seq)) return
      const last = events.at(-1)
      if (event.type === 'progress' && last?.type === 'progress' && last.data.step === event.data.step)
        events.pop()
      events.push(event)
      if (events.length > 300) events.shift()
    },
  }
}
