import { describe } from 'vitest'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { conformance, conformanceSweep } from '#test/shared/clouds/conformance.ts'
import { openSubject } from '#test/shared/clouds/onprem/qemu/subject.ts'

const hypervisor = await findHypervisor()

describe.skipIf('reason' in hypervisor)(
  `on this machine${'reason' in hypervisor ? ` (skipped: ${hypervisor.reason})` : ''}`,
  () => {
    conformance('On-premise, QEMU', openSubject)
    conformanceSweep('On-premise, QEMU', openSubject)
  },
)
