import { api, pagedList } from './api.js'
import { h, icon } from './dom.js'
import { bytes, left, moment, span, words } from './format.js'
import { cancelNote, isEnded, jobActions, waitingBox } from './job-parts.js'
import {
  bar,
  barTone,
  empty,
  facts,
  head,
  moreRows,
  pill,
  problemBox,
  residueBox,
  section,
  tabs,
  warningsBox,
  when,
} from './parts.js'
import { measured, proof } from './migration-proof.js'
import { migrationTable, route } from './migration-table.js'
import { eventLog, eventStore, stepList } from './steps.js'

const filters = [
  ['', 'All'],
  ['in_progress', 'Under way'],
  ['failed', 'Failed'],
  ['cancelled', 'Cancelled'],
  ['completed', 'Completed'],
]

/** All migrations, or those with the status that the address names. */
export function migrationList(query) {
  const status = query.get('status') ?? ''
  const list = pagedList('/migrations', 'migrations')
  return {
    load: () => list.load(status ? { status } : {}),
    draw: (page, context) =>
      h(
        'div',
        {},
        head('Migrations', 'VMs on their way from one provider to another.'),
        tabs(
          'Status',
          filters.map(([value, label]) => [
            value ? `#/migrations?status=${value}` : '#/migrations',
            label,
            value === status,
          ]),
        ),
        h(
          'section.card.section',
          {},
          page.rows.length > 0
            ? migrationTable(page.rows)
            : status
              ? empty('No such migrations', 'None has this status.')
              : empty('No migrations yet', [
                  'Start one with ',
                  h('a', { href: '/docs#createMigration' }, 'POST /api/multicloud/migrations'),
                  '.',
                ]),
          moreRows(list, page, context),
        ),
      ),
  }
}

/** One migration as it runs: its steps live, what has been measured, and the proof. */
export function migrationDetail(id) {
  const store = eventStore()
  return {
    async load() {
      const migration = await api(`/migrations/${encodeURIComponent(id)}/status`)
      return { migration, job: await api(`/jobs/${migration.job_id}`) }
    },
    follow: ({ job }) => job.id,
    onEvent: (event) => store.add(event),
    draw({ migration, job }, context) {
      return h(
        'div',
        { 'data-progress': isEnded(job) ? undefined : `${Math.floor(migration.progress)} %` },
        head(
          migration.vm_name ?? migration.vm_id,
          h(
            'span.row.wrap',
            {},
            pill(migration.status),
            route(migration),
            migration.destination_region && h('span.faint', {}, migration.destination_region),
            h('span', {}, 'started ', when(migration.start_time), ` by ${job.requested_by ?? 'NovaCron'}`),
          ),
          jobActions(
            job,
            context,
            'Cancel this migration? The source is restored to the state that it was in.',
          ),
          ['#/migrations', 'Migrations'],
        ),
        h(
          'div.stack',
          {},
          problemBox(migration.problem),
          outcomeBox(migration, job),
          residueBox(migration.residue),
          waitingBox(job.waiting),
          overall(migration, job),
          warningsBox(job.warnings),
          h(
            'div.two',
            {},
            stepList(job.steps),
            h(
              'div.stack',
              {},
              measured(migration.metrics),
              proof(migration.metrics),
              section('Facts', '', factsOf(migration)),
              eventLog(store.events),
            ),
          ),
        ),
      )
    },
  }
}

/** What an end other than the wished-for one means for the VM, and what can be done. */
function outcomeBox({ source_provider_id: source, residue }, job) {
  if (!['failed', 'cancelled'].includes(job.state)) return false
  const undone = job.steps.filter(({ direction, state }) => direction === 'undo' && state === 'succeeded')
  const begun = job.steps.some(({ direction, name, state }) =>
    direction === 'do' && name !== 'preflight' ? !['skipped', 'pending'].includes(state) : false,
  )
  const what = !begun
    ? 'Nothing was changed.'
    : residue.length > 0
      ? 'Not everything could be taken back: see below.'
      : `What had been done was taken back (${undone.length} ${undone.length === 1 ? 'step' : 'steps'}): the VM is at ${source}, as it was.`
  const next =
    job.state === 'failed'
      ? 'Once the cause is mended, Run again starts from the first step.'
      : 'Run again starts from the first step.'
  return h('div.notice.calm', {}, icon('undo'), h('div', {}, h('b', {}, what), h('p.quiet', {}, next)))
}

const factsOf = (migration) =>
  facts([
    ['Moved VM', vmLink(migration), true],
    ['Migration', h('span.mono', {}, migration.id), true],
    ['Job', h('a.mono', { href: `#/jobs/${migration.job_id}` }, migration.job_id), true],
    ['Afterwards the source is', migration.request.delete_source ? 'deleted' : 'kept, stopped'],
    ['Started', moment(migration.start_time)],
    ['Finished', migration.end_time && moment(migration.end_time)],
  ])

const vmLink = ({ destination_vm_id: moved, request }) => {
  const id = request.vm_id
  return id.startsWith('vm_') ? h('a.mono', { href: `#/vms/${id}` }, id) : h('span.mono', {}, moved ?? id)
}

function overall(migration, job) {
  const takenMs =
    (migration.end_time ? Date.parse(migration.end_time) : Date.now()) - Date.parse(migration.start_time)
  const taken = isEnded(job) ? `took ${span(takenMs)}` : `${span(takenMs)} so far`
  const eta = migration.estimated_completion
  return h(
    'section.card.overall',
    {},
    h(
      'div.figures',
      {},
      h('b', {}, `${Math.floor(migration.progress)} %`),
      h('span', {}, migration.completion_message ?? (cancelNote(job) || doing(job))),
      h(
        'span.quiet',
        { title: eta ? `until ${moment(eta)}` : '' },
        [taken, left(eta)].filter(Boolean).join(' · '),
      ),
    ),
    bar(migration.progress / 100, barTone(migration.status), true),
  )
}

/** The step that runs now, in one line. */
function doing({ steps, state }) {
  const step = steps.find((one) => one.state === 'running')
  if (!step) return ''
  const amount = step.detail ?? (step.total > 1_000_000 ? `${bytes(step.done)} of ${bytes(step.total)}` : '')
  return [`${state === 'undoing' ? 'Taking back: ' : ''}${words(step.name)}`, amount]
    .filter(Boolean)
    .join(' · ')
}
