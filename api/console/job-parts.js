import { h, icon } from './dom.js'
import { clock, kindName } from './format.js'
import { actionButton, jobPill, progress, table, when } from './parts.js'

export const isEnded = ({ state }) => ['succeeded', 'failed', 'cancelled'].includes(state)
export const percentOf = (job) => Math.floor((job.state === 'succeeded' ? 1 : job.progress) * 100)

/** Cancel while it can be, else run again. */
export const jobActions = (job, context, question) => [
  !isEnded(job) &&
    !job.cancel_requested_at &&
    actionButton(context, {
      permission: 'jobs:control',
      label: 'Cancel',
      name: 'cross',
      tone: 'danger',
      path: `/jobs/${job.id}/cancel`,
      question,
    }),
  ['failed', 'cancelled'].includes(job.state) &&
    actionButton(context, {
      permission: 'jobs:control',
      label: 'Run again',
      name: 'retry',
      tone: 'primary',
      path: `/jobs/${job.id}/retry`,
    }),
]

/** Why a job does not move, with times in the reader's zone. */
export const waitingBox = (waiting) =>
  waiting &&
  h(
    'div.notice.calm',
    {},
    icon('clock'),
    h(
      'div',
      {},
      h('b', {}, 'Why it is waiting'),
      h(
        'p.quiet',
        {},
        waiting.until ? waiting.detail.replace(waiting.until, clock(waiting.until)) : waiting.detail,
      ),
    ),
  )

/** That somebody has asked for its end, while it is on its way there. */
export const cancelNote = (job) =>
  job.cancel_requested_at && !isEnded(job)
    ? `being cancelled${job.cancel_reason ? `: ${job.cancel_reason}` : ''}; what has been done is taken back`
    : ''

/** A migration has a page of its own, which tells more than its job's. */
export const jobHref = ({ id, kind, subject }) =>
  kind.startsWith('migration.') && subject ? `#/migrations/${subject}` : `#/jobs/${id}`

/** Jobs as a table, for here and for the list of jobs. */
export const jobTable = (jobs) =>
  table(
    ['Job', 'State', 'Progress', 'Submitted'],
    jobs.map((job) => ({
      href: jobHref(job),
      cells: [
        [
          h('b', {}, h('a', { href: jobHref(job) }, kindName(job.kind))),
          job.subject_name
            ? h('span.sub', { title: job.subject }, job.subject_name)
            : h('span.sub.mono', {}, job.subject ?? job.id),
        ],
        [
          jobPill(job.state),
          job.problem && h('span.sub.clamp', { title: job.problem.detail }, job.problem.detail),
        ],
        progress(job.state === 'succeeded' ? 1 : job.progress, job.state, undefined, job.eta),
        when(job.created_at),
      ],
    })),
  )
