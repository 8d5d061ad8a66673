import { describe, vi } from 'vitest'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { conformance, conformanceSweep } from '#test/shared/clouds/conformance.ts'
import { openSubject } from '#test/shared/clouds/onprem/qemu/subject.ts'

// A lost reply to each of the calls that make a VM is a VM made for each.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

const hypervisor = await findHypervisor()

describe.skipIf('reason' in hypervisor)(
  `on this machine${'reason' in hypervisor ? ` (skipped: ${hypervisor.reason})` : ''}`,
  () => {
    conformance('On-premise, QEMU', openSubject)
    conformanceSweep('On-premise, QEMU', openSubject)
  },
)
