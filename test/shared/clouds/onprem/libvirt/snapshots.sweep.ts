import { afterAll, beforeAll, describe } from 'vitest'
import { findLibvirt } from '#test/clouds/libvirt/find.ts'
import { movingSnapshots } from '#test/shared/clouds/onprem/hosts/moving-snapshots.ts'
import { openSubject } from '#test/shared/clouds/onprem/libvirt/subject.ts'
import type { Opened } from '#test/shared/clouds/onprem/on-qemu.ts'

const libvirt = findLibvirt()
const reason = 'reason' in libvirt ? ` (skipped: ${libvirt.reason})` : ''

describe.skipIf(reason)(`snapshots of a VM that moves to another libvirt host${reason}`, () => {
  const subject = {} as Opened
  beforeAll(async () => {
    Object.assign(subject, await openSubject())
  })
  afterAll(async () => {
    subject.cloud?.close()
    await subject.loopback?.close()
  })
  movingSnapshots(subject)
})
