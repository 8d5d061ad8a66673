import { h, icon } from './dom.js'
import { bytes, span } from './format.js'
import { section, tile } from './parts.js'

/** What a migration has measured so far. */
export function measured(metrics) {
  const list = [
    ['Copied', metrics.data_transferred !== null && bytes(metrics.data_transferred)],
    ['Rate', metrics.transfer_rate !== null && `${bytes(metrics.transfer_rate)}/s`],
    ['Downtime', metrics.total_downtime_ms !== undefined && span(metrics.total_downtime_ms)],
    ['Verified in', metrics.verification_time_ms !== undefined && span(metrics.verification_time_ms)],
  ].filter(([, value]) => value)
  return (
    list.length > 0 &&
    h(
      'div.tiles.small',
      {},
      list.map(([label, value]) => tile(label, value, '', { small: true })),
    )
  )
}

/** The digests that were taken at either end. */
export function proof({ disks, boot_check: boot }) {
  if (!disks?.length) return false
  return section(
    'Proof',
    'digests taken independently at both ends',
    h(
      'div.proof',
      {},
      disks.map((disk) =>
        h(
          'div.disk',
          {},
          h(
            'div.row',
            { class: disk.identical ? 'ok' : 'bad' },
            icon(disk.identical ? 'shield' : 'warning'),
            disk.identical ? 'Bytes identical' : 'Bytes differ',
            h('span.faint', {}, bytes(disk.size_bytes)),
          ),
          h(
            'div.digest',
            {},
            h('span.faint', {}, 'Source'),
            h('span.mono', {}, disk.source_digest),
            h('span.faint', {}, 'Destination'),
            h('span.mono', {}, disk.destination_digest),
          ),
        ),
      ),
      boot &&
        h(
          'div.disk',
          {},
          h(
            'div.row',
            { class: boot.outcome === 'proved' ? 'ok' : '' },
            icon(boot.outcome === 'proved' ? 'shield' : 'clock'),
            boot.outcome === 'proved' ? 'Boot proved by its console' : 'Boot not proved',
          ),
          h('div.mono', {}, boot.evidence),
        ),
    ),
  )
}
