import { api } from './api.js'
import { h } from './dom.js'
import { ago, moment, shortId } from './format.js'
import { actionButton, empty, facts, head, pill, section, table } from './parts.js'
import { migrationTable } from './view-migrations.js'
import { jobTable } from './view-overview.js'

/** All VMs of all providers. */
export function vmList() {
  let wanted = ''
  return {
    load: async () =>
      (await api(`/vms?limit=200${wanted && `&name_pattern=${encodeURIComponent(`*${wanted}*`)}`}`)).vms,
    draw: (vms, context) =>
      h(
        'div',
        {},
        head('VMs', 'Virtual machines on all of your providers.', [
          h('input.filter', {
            type: 'search',
            placeholder: 'Filter by name',
            'aria-label': 'Filter by name',
            oninput: (event) => {
              wanted = event.target.value.trim()
              context.refresh()
            },
          }),
        ]),
        h(
          'section.card.section',
          {},
          vms.length > 0
            ? table(
                ['Name', 'State', 'Where', 'Size', 'Address', 'Created'],
                vms.map((vm) => ({
                  href: `#/vms/${vm.id}`,
                  cells: [
                    [
                      h('b', {}, h('a', { href: `#/vms/${vm.id}` }, vm.name)),
                      h('span.sub.mono', {}, shortCloudId(vm)),
                    ],
                    pill(vm.state),
                    [vm.provider_id, h('span.sub', {}, vm.region)],
                    vm.instance_type ?? '–',
                    vm.public_ip ?? vm.private_ip ?? '–',
                    h('span.quiet', { title: moment(vm.created_at) }, ago(vm.created_at)),
                  ],
                })),
              )
            : wanted
              ? empty('No VM has such a name', 'Try another filter.')
              : empty('No VMs yet', 'Create one with POST /api/multicloud/vms.'),
        ),
      ),
  }
}

/** Azure's ids are whole paths; their last part tells. */
const shortCloudId = (vm) => (vm.vm_id ? vm.vm_id.split('/').at(-1) : shortId(vm.id))

/** One VM, what can be done with it, and what has been. */
export const vmDetail = (id) => ({
  async load() {
    const name = encodeURIComponent(id)
    const [vm, { jobs }, { migrations }] = await Promise.all([
      api(`/vms/${name}`),
      api(`/jobs?subject=${name}&limit=10`),
      api(`/migrations?vm_id=${name}&limit=10`),
    ])
    return { vm, jobs, migrations }
  },
  draw({ vm, jobs, migrations }, context) {
    const live = vm.vm_id && !['terminated', 'terminating'].includes(vm.state)
    const action = (label, name, verb, question) =>
      actionButton(context, {
        permission: 'vms:operate',
        label,
        name,
        path: `/vms/${vm.id}/${verb}`,
        question,
      })
    return h(
      'div',
      {},
      head(
        vm.name,
        h('span.row', {}, pill(vm.state), `${vm.provider_id} · ${vm.region}`),
        live
          ? [
              vm.state === 'suspended' && action('Resume', 'play', 'resume'),
              ['stopped', 'error'].includes(vm.state) && action('Start', 'play', 'start'),
              vm.state === 'running' && action('Restart', 'retry', 'restart', `Restart ${vm.name}?`),
              vm.state === 'running' &&
                action('Suspend', 'pause', 'suspend', `Suspend ${vm.name}, keeping its memory?`),
              vm.state === 'running' && action('Stop', 'stop', 'stop', `Stop ${vm.name}?`),
            ]
          : [],
        ['#/vms', 'VMs'],
      ),
      h(
        'div.stack',
        {},
        section(
          'Facts',
          '',
          facts([
            ['Cloud’s id', h('span.mono', {}, vm.vm_id ?? 'not given yet'), true],
            ['Our id', h('span.mono', {}, vm.id), true],
            ['Size', vm.instance_type],
            ['Zone', vm.availability_zone],
            ['Public address', vm.public_ip],
            ['Private address', vm.private_ip],
            ['Image', vm.image_id],
            ['Security groups', vm.security_groups.map((name) => name.split('/').at(-1)).join(', ')],
            ['Storage', vm.storage && `${vm.storage} GiB`],
            ['Architecture', vm.metadata.architecture],
            ['Firmware', vm.metadata.firmware],
            ['Created', moment(vm.created_at)],
            ['Tags', tags(vm.tags), true],
          ]),
        ),
        migrations.length > 0 && section('Migrations', '', migrationTable(migrations)),
        section(
          'Jobs',
          '',
          jobs.length > 0 ? jobTable(jobs) : empty('No jobs', 'Nothing has been done with this VM here.'),
        ),
      ),
    )
  },
  follow: ({ jobs }) => jobs.find(({ state }) => ['queued', 'running', 'undoing'].includes(state))?.id,
})

const tags = (all) => {
  const own = Object.entries(all).filter(([name]) => !name.startsWith('novacron-'))
  return own.length > 0 ? own.map(([name, value]) => h('span.tag', {}, `${name}: ${value}`)) : null
}
