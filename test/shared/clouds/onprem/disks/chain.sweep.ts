import { afterEach, expect, test } from 'vitest'
import { newJob, removeAll } from '#test/shared/clouds/conformance/subject.ts'
import { chainLab } from '#test/shared/clouds/onprem/disks/chain-lab.ts'
import { onQemu } from '#test/shared/clouds/onprem/on-qemu.ts'

onQemu('a long chain of snapshots', (subject) => {
  const job = newJob()
  afterEach(() => removeAll(subject, job))
  const { chainOf, kept } = chainLab(subject, job)

  test('never grows beyond sixteen files', { timeout: 300_000 }, async () => {
    const { snapshots } = await chainOf(18)
    const { records } = await kept()
    const parentOf = (index: number) => records.find(({ id }) => id === snapshots[index]?.id)?.body.parent
    expect(parentOf(15)).toBe(snapshots[14]?.id)
    expect(parentOf(16)).toBeUndefined()
    expect(parentOf(17)).toBe(snapshots[16]?.id)
  })
})
