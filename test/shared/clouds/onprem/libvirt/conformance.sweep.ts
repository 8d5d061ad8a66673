import { describe } from 'vitest'
import { findLibvirt } from '#test/clouds/libvirt/find.ts'
import { conformance, conformanceSweep } from '#test/shared/clouds/conformance.ts'
import { openSubject } from '#test/shared/clouds/onprem/libvirt/subject.ts'

const libvirt = findLibvirt()

describe.skipIf('reason' in libvirt)(
  `on this machine${'reason' in libvirt ? ` (skipped: ${libvirt.reason})` : ''}`,
  () => {
    conformance('On-premise, libvirt', openSubject)
    conformanceSweep('On-premise, libvirt', openSubject)
  },
)
