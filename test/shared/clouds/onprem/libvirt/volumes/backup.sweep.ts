import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { processesOf } from '#test/clouds/libvirt/processes.ts'
import { findLibvirt } from '#test/clouds/libvirt/find.ts'
import { openVolumesLab, type VolumesLab } from './lab.ts'

const libvirt = findLibvirt()
const reason = 'reason' in libvirt ? ` (skipped: ${libvirt.reason})` : ''
const mebibyte = 2 ** 20

describe.skipIf(reason).each([
  ['plain', undefined],
  ['encrypted', 'volume/vol-backup'],
])(`backups of %s volumes${reason}`, { timeout: 180_000 }, (kind, keyName) => {
  let lab: VolumesLab
  beforeAll(async () => {
    lab = await openVolumesLab()
  })
  afterAll(() => lab.close())
  afterEach(() => lab.expectNothingLeft())

  let made = 0
  const fresh = async () => {
    const id = `${kind}-${(made += 1)}`
    const volume = lab.ref(`vol-${id}`, keyName)
    await lab.volumes.create(volume, { sizeBytes: 64 * mebibyte })
    return { volume, snap: (nr: number) => lab.ref(`snap-${id}-${nr}`, keyName) }
  }

  test('an incremental one of a running machine copies at most N × 1.2 + 1 MiB, and reads as the disk did', async () => {
    const { volume, snap } = await fresh()
    const machine = await lab.startMachine(volume)
    await lab.write(machine, 'vda', 'write -P 1 0 8M')
    expect(await lab.volumes.backup(volume, snap(1), { machine })).toMatchObject({ incremental: false })
    await lab.write(machine, 'vda', 'write -P 2 3M 3M', 'write -P 3 40M 512k', 'write -z 7M 512k')
    const before = await lab.digest(volume)

    const second = await lab.volumes.backup(volume, snap(2), { machine, since: snap(1) })
    expect(second.incremental).toBe(true)
    expect(second.copiedBytes).toBeGreaterThanOrEqual(3.5 * mebibyte)
    expect(second.copiedBytes).toBeLessThanOrEqual(4 * mebibyte * 1.2 + mebibyte)
    await lab.write(machine, 'vda', 'write -P 9 0 64M')
    expect(await lab.digest(snap(2))).toBe(before)
    expect((await lab.volumes.get(snap(2)))?.backing).toBe(snap(1).name)

    await lab.stopMachine(machine)
  })

  test('what changed is known across stopping, starting, other machines and copies of a stopped disk', async () => {
    const { volume, snap } = await fresh()
    const first = await lab.startMachine(volume)
    await lab.write(first, 'vda', 'write -P 1 0 4M')
    await lab.volumes.backup(volume, snap(1), { machine: first })
    await lab.write(first, 'vda', 'write -P 2 1M 1M')
    await lab.stopMachine(first)
    const stopped = await lab.volumes.backup(volume, snap(2), { since: snap(1) })
    expect(stopped.incremental).toBe(true)
    expect(stopped.copiedBytes).toBeLessThanOrEqual(2.2 * mebibyte)
    expect(await lab.digest(snap(2))).toBe(await lab.digest(volume))

    const other = await lab.startMachine((await fresh()).volume, volume)
    await lab.write(other, 'vdb', 'write -P 3 10M 1M')
    const third = await lab.volumes.backup(volume, snap(3), { machine: other, since: snap(2) })
    expect(third.incremental).toBe(true)
    expect(third.copiedBytes).toBeLessThanOrEqual(2.2 * mebibyte)
    const before = await lab.digest(volume)
    await lab.stopMachine(other)
    expect(await lab.digest(snap(3))).toBe(before)
    // An older mark is as good.
    const again = await lab.volumes.backup(volume, snap(4), { since: snap(1) })
    expect(again.incremental).toBe(true)
    expect(await lab.digest(snap(4))).toBe(before)
  })

  test('after its QEMU was killed the mark is lost: the next is a full one, and right', async () => {
    const { volume, snap } = await fresh()
    const machine = await lab.startMachine(volume)
    await lab.write(machine, 'vda', 'write -P 1 0 4M')
    await lab.volumes.backup(volume, snap(1), { machine })
    await lab.write(machine, 'vda', 'write -P 2 1M 1M')
    killGuest(machine)
    await expect
      .poll(async () => (await lab.host.virsh.run(['domstate', machine])).text.trim(), { timeout: 20_000 })
      .toBe('shut off')

    const second = await lab.volumes.backup(volume, snap(2), { machine, since: snap(1) })
    expect(second.incremental).toBe(false)
    expect(await lab.digest(snap(2))).toBe(await lab.digest(volume))
    expect((await lab.volumes.get(snap(2)))?.backing).toBeUndefined()
    // The broken mark is in nobody's way.
    await lab.volumes.forgetMark(volume, snap(1).name)
    const third = await lab.volumes.backup(volume, snap(3), { since: snap(2) })
    expect(third.incremental).toBe(true)
    await lab.host.virsh.run(['undefine', machine, '--checkpoints-metadata'])
  })

  test('a forgotten mark is gone from the disk; forgetting it again, or of a volume that is gone, is fine', async () => {
    const { volume, snap } = await fresh()
    const machine = await lab.startMachine(volume)
    await lab.volumes.backup(volume, snap(1), { machine })
    await lab.volumes.forgetMark(volume, snap(1).name, machine)
    await lab.volumes.forgetMark(volume, snap(1).name, machine)
    expect(await lab.volumes.backup(volume, snap(2), { machine, since: snap(1) })).toMatchObject({
      incremental: false,
    })
    await lab.stopMachine(machine)
    await lab.volumes.forgetMark(volume, snap(2).name)
    await lab.volumes.forgetMark(volume, snap(2).name)
    await lab.volumes.delete(volume)
    await lab.volumes.forgetMark(volume, snap(2).name)
  })

  test('a volume that grew since the last one is copied whole in content, whatever it builds on', async () => {
    const { volume, snap } = await fresh()
    const machine = await lab.startMachine(volume)
    await lab.write(machine, 'vda', 'write -P 1 0 4M')
    await lab.volumes.backup(volume, snap(1), { machine })
    await lab.volumes.resize(volume, 80 * mebibyte, machine)
    await lab.write(machine, 'vda', 'write -P 2 70M 1M')
    const before = await lab.digest(volume)
    await lab.volumes.backup(volume, snap(2), { machine, since: snap(1) })
    expect(await lab.digest(snap(2))).toBe(before)
    await lab.stopMachine(machine)
  })

  test.each(['its job is ended', 'its QEMU is killed'])(
    'one under way fails when %s, and done again it is right',
    async (what) => {
      const { volume, snap } = await fresh()
      const machine = await lab.startMachine(volume)
      await lab.write(machine, 'vda', 'write -P 1 0 60M')
      const before = await lab.digest(volume)
      // One that is over before its job could be ended shows nothing: the next one is tried.
      let target = snap(0)
      let failure: unknown
      for (let nr = 1; failure === undefined; nr += 1) {
        target = snap(nr)
        let broken = false
        lab.break(async (call, send) => {
          const answer = await send()
          if (broken || call.operation !== 'virsh backup-begin') return answer
          broken = true
          if (what === 'its QEMU is killed') killGuest(machine)
          else await lab.host.virsh.run(['domjobabort', machine]).catch(() => undefined)
          return answer
        })
        failure = await lab.volumes.backup(volume, target, { machine }).then(
          () => undefined,
          (error: unknown) => error,
        )
        lab.break(undefined)
      }
      expect(failure).toMatchObject({ retryable: true })
      expect(await lab.volumes.get(target)).toBeUndefined()
      await lab.volumes.backup(volume, target, { machine })
      expect(await lab.digest(target)).toBe(before)
      if (what === 'its QEMU is killed')
        await lab.host.virsh.run(['undefine', machine, '--checkpoints-metadata'])
      else await lab.stopMachine(machine)
    },
  )

  test('two disks of one machine are backed up at the same time, one after the other', async () => {
    const [one, two] = [await fresh(), await fresh()]
    const machine = await lab.startMachine(one.volume, two.volume)
    await lab.write(machine, 'vda', 'write -P 1 0 32M')
    await lab.write(machine, 'vdb', 'write -P 2 0 32M')
    await Promise.all([one, two].map(({ volume, snap }) => lab.volumes.backup(volume, snap(1), { machine })))
    for (const { volume, snap } of [one, two])
      expect(await lab.digest(snap(1))).toBe(await lab.digest(volume))
    await lab.stopMachine(machine)
  })

  const killGuest = (machine: string) => {
    for (const { pid, command } of processesOf(lab.daemon.folder))
      if (command.includes(`guest=test-${machine}`)) process.kill(pid, 'SIGKILL')
  }
})
