import { describe } from 'vitest'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { lateSweep } from '#test/shared/clouds/conformance.ts'
import { openSubject } from '#test/shared/clouds/onprem/qemu/subject.ts'

const hypervisor = await findHypervisor()

describe.skipIf('reason' in hypervisor)(
  `on this machine${'reason' in hypervisor ? ` (skipped: ${hypervisor.reason})` : ''}`,
  () => {
    // Each of a VM's calls is a VM: minutes.
    describe.skipIf(process.env['SWEEPS'] !== 'all')('call by call (skipped unless SWEEPS=all)', () => {
      lateSweep('On-premise, QEMU', openSubject, { options: {}, brief: true })
    })
  },
)
