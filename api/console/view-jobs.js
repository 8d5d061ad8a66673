import { api } from './api.js'
import { h, icon } from './dom.js'
import { ago, kindName, moment, span } from './format.js'
import {
  actionButton,
  bar,
  barTone,
  empty,
  head,
  jobPill,
  problemBox,
  residueBox,
  section,
  facts,
  warningsBox,
} from './parts.js'
import { eventLog, eventStore, stepList } from './steps.js'
import { jobTable } from './view-overview.js'

export const jobList = () => ({
  load: async () => (await api('/jobs?limit=100')).jobs,
  draw: (jobs) =>
    h(
      'div',
      {},
      head('Jobs', 'Everything slow is a job: a chain of steps that any worker picks up.'),
      h(
        'section.card.section',
        {},
        jobs.length > 0
          ? jobTable(jobs)
          : empty('No jobs yet', 'They appear as soon as something is asked for.'),
      ),
    ),
})

/** One job as it runs. */
export function jobDetail(id) {
  const store = eventStore()
  return {
    load: () => api(`/jobs/${encodeURIComponent(id)}`),
    follow: (job) => job.id,
    onEvent: (event) => store.add(event),
    draw(job, context) {
      const ended = ['succeeded', 'failed', 'cancelled'].includes(job.state)
      const taken =
        job.started_at &&
        (job.finished_at ? Date.parse(job.finished_at) : Date.now()) - Date.parse(job.started_at)
      return h(
        'div',
        {},
        head(
          kindName(job.kind),
          h(
            'span.row',
            {},
            jobPill(job.state),
            h(
              'span',
              { title: moment(job.created_at) },
              `submitted ${ago(job.created_at)} by ${job.requested_by ?? 'NovaCron'}`,
            ),
          ),
          [
            !ended &&
              actionButton(context, {
                permission: 'jobs:control',
                label: 'Cancel',
                name: 'cross',
                tone: 'danger',
                path: `/jobs/${job.id}/cancel`,
                question: 'Cancel this job? What it has done is undone.',
              }),
            ['failed', 'cancelled'].includes(job.state) &&
              actionButton(context, {
                permission: 'jobs:control',
                label: 'Run again',
                name: 'retry',
                tone: 'primary',
                path: `/jobs/${job.id}/retry`,
              }),
          ],
          ['#/jobs', 'Jobs'],
        ),
        h(
          'div.stack',
          {},
          problemBox(job.problem),
          residueBox(job.residue),
          warningsBox(job.warnings),
          job.waiting &&
            h(
              'div.notice.calm',
              {},
              icon('clock'),
              h('div', {}, h('b', {}, 'Why it is waiting'), h('p.quiet', {}, job.waiting.detail)),
            ),
          h(
            'section.card.overall',
            {},
            h(
              'div.figures',
              {},
              h('b', {}, `${Math.floor((job.state === 'succeeded' ? 1 : job.progress) * 100)} %`),
              h('span.quiet', {}, job.cancel_reason ? `cancelled: ${job.cancel_reason}` : ''),
              h(
                'span.quiet',
                {},
                taken ? `${ended ? 'took ' : ''}${span(taken)}${ended ? '' : ' so far'}` : '',
              ),
            ),
            bar(job.state === 'succeeded' ? 1 : job.progress, barTone(job.state), true),
          ),
          h(
            'div.two',
            {},
            stepList(job.steps),
            h(
              'div.stack',
              {},
              section(
                'Facts',
                '',
                facts([
                  ['Subject', subject(job)],
                  ['Job', h('span.mono', {}, job.id)],
                  ['Submitted', moment(job.created_at)],
                  ['Finished', job.finished_at && moment(job.finished_at)],
                ]),
              ),
              eventLog(store.events),
            ),
          ),
        ),
      )
    },
  }
}

function subject({ kind, subject: id }) {
  if (!id) return null
  const place = { vm: '#/vms/', migration: '#/migrations/' }[kind.split('.')[0]]
  return place ? h('a.mono', { href: `${place}${id}` }, id) : h('span.mono', {}, id)
}
