import { describe, vi } from 'vitest'
import { findLibvirt } from '#test/clouds/libvirt/find.ts'
import { conformance, conformanceSweep } from '#test/shared/clouds/conformance.ts'
import { openSubject } from '#test/shared/clouds/onprem/libvirt/subject.ts'

// A lost reply to each of the calls that make a VM is a VM made for each.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

const libvirt = findLibvirt()

describe.skipIf('reason' in libvirt)(
  `on this machine${'reason' in libvirt ? ` (skipped: ${libvirt.reason})` : ''}`,
  () => {
    conformance('On-premise, libvirt', openSubject)
    // Minutes more; what it finds that the sweep on QEMU does not is in libvirt itself.
    describe.skipIf(process.env['SWEEPS'] !== 'all')('call by call (skipped unless SWEEPS=all)', () => {
      conformanceSweep('On-premise, libvirt', openSubject)
    })
  },
)
