import { readdir } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import { bitmapsOf } from '#shared/clouds/onprem/qemu/volumes/backup/marks.ts'
import { withPlace } from '#shared/clouds/onprem/qemu/volumes/backup/places.ts'
import { contentOf, digest, fill, mebibyte, openLab, qcow2, runDisk, type VolumesLab } from './lab.ts'

/** How the n-th call goes wrong, and whether anything works after it. */
const faults = [
  { how: 'is refused', mode: 'error', dies: false },
  { how: 'is done and its answer is lost', mode: 'drop_reply', dies: false },
  { how: 'is the first after the worker has died', mode: 'error', dies: true },
  { how: 'is the last before the worker dies', mode: 'drop_reply', dies: true },
] as const
const sizeBytes = 8 * mebibyte
const writtenBytes = 256 * 1024
const keyName = 'volume/vol-1'
const volume = qcow2('vol-1', keyName)

// Of a disk at rest the calls are fewer and the same ones.
for (const runs of process.env['SWEEPS'] === 'all' ? [true, false] : [true])
  for (const fault of faults)
    test(
      `a backup of a disk ${runs ? 'under a running machine' : 'at rest'}, of which any call ${fault.how}, is right when it is called again, and nothing is left`,
      { timeout: 600_000 },
      async (context) => {
        const lab = await openLab(context)
        const { machine, write } = runs ? await running(lab) : await atRest(lab)
        const content = Buffer.alloc(sizeBytes)
        let since = qcow2('snap-first', keyName)
        await lab.volumes.backup(volume, since, given(machine))

        for (let call = 0, broken = true; broken; call++) {
          const [offset, pattern] = [(call % 31) * writtenBytes, (call % 200) + 2]
          await write(offset, pattern)
          content.fill(pattern, offset, offset + writtenBytes)
          const target = qcow2(`snap-${call}`, keyName)
          broken = await backupBroken(lab, { target, since, machine, call, fault })
          const { incremental } = await lab.volumes.backup(volume, target, { ...given(machine), since })
          expect(incremental, `call ${call}`).toBe(true)
          expect(await contentOf(lab.volumes, target), `call ${call}`).toBe(digest(content).toString('hex'))
          expect(await remains(lab, machine), `call ${call}`).toEqual({
            jobs: [],
            targets: [],
            marks: [since.name, target.name].toSorted(),
            unfinished: [],
          })
          await lab.volumes.forgetMark(volume, since.name, machine)
          since = target
          if (call % 8 === 7) since = await newChain(lab, { since, machine, call })
        }
        if (machine !== undefined) await lab.machines.powerOff(machine)
        expect(await lab.leftovers()).toEqual([])
      },
    )

interface Disk {
  machine: string | undefined
  write(offset: number, pattern: number): Promise<void>
}

async function running(lab: VolumesLab): Promise<Disk> {
  const { machine, write } = await runDisk(lab, volume, sizeBytes)
  return { machine, write: (offset, pattern) => write(`write -P ${pattern} ${offset} ${writtenBytes}`) }
}

async function atRest({ volumes }: VolumesLab): Promise<Disk> {
  await volumes.create(volume, { sizeBytes })
  return {
    machine: undefined,
    write: async (offset, pattern) =>
      void (await fill(volumes, volume, offset, writtenBytes, Buffer.alloc(writtenBytes, pattern))),
  }
}

const given = (machine: string | undefined) => (machine === undefined ? {} : { machine })

/** False when the backup has fewer calls than that, so that it went well. */
async function backupBroken(
  { volumes, tap }: VolumesLab,
  trial: {
    target: VolumeRef
    since: VolumeRef
    machine: string | undefined
    call: number
    fault: (typeof faults)[number]
  },
): Promise<boolean> {
  const { target, since, machine, call, fault } = trial
  const before = tap.calls().length
  tap.inject({ operation: '*', mode: fault.mode, code: 'connection_lost', skip: call })
  if (fault.dies)
    tap.inject({ operation: '*', mode: 'error', code: 'connection_lost', skip: call, times: 100_000 })
  await volumes.backup(volume, target, { ...given(machine), since }).catch(() => undefined)
  tap.clearFaults()
  return tap.calls().length - before > call
}

/** What there is of backups in the QEMU that has the volume, and in its pool. */
const remains = ({ host }: VolumesLab, machine: string | undefined) =>
  withPlace(host, volume, machine, ({ ask, node }) =>
    ask(async (monitor) => {
      const jobs = await monitor.execute<{ id: string }[]>('query-jobs')
      const nodes = await monitor.execute<{ 'node-name': string }[]>('query-named-block-nodes', {
        flat: true,
      })
      return {
        jobs: jobs.map(({ id }) => id),
        targets: nodes.map((each) => each['node-name']).filter((name) => name.startsWith('to-')),
        marks: (await bitmapsOf(monitor, node)).map(({ name }) => name).toSorted(),
        unfinished: (await readdir(host.layout.pool('default'))).filter((name) => name.startsWith('.')),
      }
    }),
  )

/** A chain must not grow without end. */
async function newChain(
  { volumes }: VolumesLab,
  { since, machine, call }: { since: VolumeRef; machine: string | undefined; call: number },
): Promise<VolumeRef> {
  const base = qcow2(`snap-base-${call}`, keyName)
  await volumes.backup(volume, base, given(machine))
  await volumes.forgetMark(volume, since.name, machine)
  return base
}
