import { api, pagedList } from './api.js'
import { h } from './dom.js'
import { kindName, left, moment, span } from './format.js'
import { cancelNote, isEnded, jobActions, jobTable, percentOf, waitingBox } from './job-parts.js'
import {
  bar,
  barTone,
  empty,
  head,
  jobPill,
  moreRows,
  problemBox,
  residueBox,
  section,
  facts,
  tabs,
  warningsBox,
  when,
} from './parts.js'
import { eventLog, eventStore, stepList } from './steps.js'

const filters = [
  ['', 'All'],
  ['unfinished', 'In motion'],
  ['failed', 'Failed'],
  ['cancelled', 'Cancelled'],
  ['succeeded', 'Succeeded'],
]

/** All jobs, or those in the state that the address names. */
export function jobList(query) {
  const state = query.get('state') ?? ''
  const list = pagedList('/jobs', 'jobs')
  return {
    load: () => list.load(state ? { state } : {}),
    draw: (page, context) =>
      h(
        'div',
        {},
        head('Jobs', 'Everything slow is a job: a chain of steps that any worker picks up.'),
        tabs(
          'States',
          filters.map(([value, label]) => [
            value ? `#/jobs?state=${value}` : '#/jobs',
            label,
            value === state,
          ]),
        ),
        h(
          'section.card.section',
          {},
          page.rows.length > 0
            ? jobTable(page.rows)
            : empty(
                state ? 'No such jobs' : 'No jobs yet',
                state ? 'None is in this state.' : 'They appear as soon as something is asked for.',
              ),
          moreRows(list, page, context),
        ),
      ),
  }
}

/** One job as it runs. */
export function jobDetail(id) {
  const store = eventStore()
  return {
    load: () => api(`/jobs/${encodeURIComponent(id)}`),
    follow: (job) => job.id,
    onEvent: (event) => store.add(event),
    draw(job, context) {
      return h(
        'div',
        { 'data-progress': isEnded(job) ? undefined : `${percentOf(job)} %` },
        head(
          [kindName(job.kind), job.subject_name].filter(Boolean).join(' · '),
          h(
            'span.row',
            {},
            jobPill(job.state),
            h('span', {}, 'submitted ', when(job.created_at), ` by ${job.requested_by ?? 'NovaCron'}`),
          ),
          jobActions(job, context, 'Cancel this job? What it has done is undone.'),
          ['#/jobs', 'Jobs'],
        ),
        h(
          'div.stack',
          {},
          problemBox(job.problem),
          residueBox(job.residue),
          warningsBox(job.warnings),
          waitingBox(job.waiting),
          overall(job),
          h(
            'div.two',
            {},
            stepList(job.steps),
            h('div.stack', {}, section('Facts', '', factsOf(job)), eventLog(store.events)),
          ),
        ),
      )
    },
  }
}

function overall(job) {
  const takenMs =
    job.started_at &&
    (job.finished_at ? Date.parse(job.finished_at) : Date.now()) - Date.parse(job.started_at)
  const taken = takenMs
    ? `${isEnded(job) ? 'took ' : ''}${span(takenMs)}${isEnded(job) ? '' : ' so far'}`
    : ''
  return h(
    'section.card.overall',
    {},
    h(
      'div.figures',
      {},
      h('b', {}, `${percentOf(job)} %`),
      h('span.quiet', {}, cancelNote(job)),
      h('span.quiet', {}, [taken, left(job.eta)].filter(Boolean).join(' · ')),
    ),
    bar(job.state === 'succeeded' ? 1 : job.progress, barTone(job.state), true),
  )
}

const factsOf = (job) =>
  facts([
    ['Subject', subject(job)],
    ['Job', h('span.mono', {}, job.id)],
    ['Submitted', moment(job.created_at)],
    ['Started', job.started_at && moment(job.started_at)],
    ['Finished', job.finished_at && moment(job.finished_at)],
    ['Deadline', job.deadline && moment(job.deadline)],
  ])

/** The subject, leading to where the console shows it. */
function subject({ subject: id, links }) {
  if (!id) return null
  const path = links.subject?.replace(/^.*\/api\/multicloud/, '')
  const [, kind] = path?.split('/') ?? []
  if (!path) return h('span.mono', {}, id)
  const isShown = ['vms', 'migrations', 'providers'].includes(kind)
  return h(
    'a.mono',
    { href: isShown ? `#${path}` : `#/resources/${kind === 'subnets' ? 'networks' : kind}` },
    id,
  )
}
