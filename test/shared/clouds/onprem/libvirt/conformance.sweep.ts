import { describe } from 'vitest'
import { findLibvirt } from '#test/clouds/libvirt/find.ts'
import { conformance, conformanceSweep } from '#test/shared/clouds/conformance.ts'
import { openSubject } from '#test/shared/clouds/onprem/libvirt/subject.ts'

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
