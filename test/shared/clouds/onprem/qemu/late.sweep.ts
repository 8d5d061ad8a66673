import { describe, vi } from 'vitest'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { lateSweep } from '#test/shared/clouds/conformance.ts'
import { openSubject } from '#test/shared/clouds/onprem/qemu/subject.ts'

// Each of a VM's calls is a VM.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 120_000 })

const hypervisor = await findHypervisor()

describe.skipIf('reason' in hypervisor)(
  `on this machine${'reason' in hypervisor ? ` (skipped: ${hypervisor.reason})` : ''}`,
  () => {
    lateSweep('On-premise, QEMU', openSubject, { options: {}, brief: true })
  },
)
