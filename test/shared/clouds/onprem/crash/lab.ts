import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import {
  digestOfDisk,
  digestOfFile,
  intentOf,
  newJob,
  rootOf,
  runVm,
} from '#test/shared/clouds/conformance/subject.ts'
import { insist, refusalOf } from '#test/shared/clouds/conformance/things.ts'
import { sizeOf } from '#test/shared/clouds/onprem/compute/agree.ts'
import { snapshotsLab } from '#test/shared/clouds/onprem/hosts/snapshots-lab.ts'
import { runWorker, type Death, type Task } from '#test/shared/clouds/onprem/crash/worker.ts'
import type { Opened } from '#test/shared/clouds/onprem/on-qemu.ts'

/** One thing that a worker does, the state it must come to however often a worker dies, and the way back. */
export interface Scene {
  work: Task['work']
  /** What becomes of it: `finished` or `taken back`. */
  ends: string
  prepare(subject: Opened): Promise<{
    request: object
    /** Does it again in this process, and sees that it is done once. */
    finish(): Promise<void>
  }>
}

export const scenes: readonly Scene[] = [
  {
    work: 'create',
    ends: 'finished',
    prepare: (subject) => {
      const { cloud, region, dialect } = subject
      const request = {
        ...intentOf(newJob()),
        region,
        name: 'taken up',
        instanceType: dialect.instanceType,
        zone: 'alpha',
        boot: { image: undefined },
        userData: '#!/bin/sh\n',
      }
      return Promise.resolve({
        request,
        async finish() {
          const vm = await insist(() => cloud.compute.create(request))
          expect(vm.state).toBe('running')
          const kinds = subject.loopback
            .residue()
            .filter(({ tags }) => tags['novacron-job'] === request.tags['novacron-job'])
            .map(({ kind }) => kind)
          expect(kinds.toSorted()).toEqual(['vm', 'volume'])
          await cloud.compute.delete(vm)
        },
      })
    },
  },
  {
    work: 'delete',
    ends: 'finished',
    async prepare(subject) {
      const { id, region } = await runVm(subject, newJob())
      const request = { id, region }
      return {
        request,
        async finish() {
          await insist(() => subject.cloud.compute.delete(request))
          expect(await subject.cloud.compute.get(request)).toBeUndefined()
        },
      }
    },
  },
  {
    work: 'snapshot',
    ends: 'finished',
    async prepare(subject) {
      const { cloud, region } = subject
      const vm = await runVm(subject, newJob())
      const request = { ...intentOf(newJob()), region, vm, disk: rootOf(vm) }
      const earlier = await cloud.disks.createSnapshot({ ...request, ...intentOf(newJob()) })
      return {
        request,
        async finish() {
          const snapshot = await insist(() => cloud.disks.createSnapshot(request))
          expect(await cloud.disks.snapshotState(snapshot)).toBe('ready')
          const source = await cloud.disks.openSnapshot(snapshot)
          expect((await source.read({ offset: 0, length: source.granularityBytes })).length).toBe(
            source.granularityBytes,
          )
          await source.close()
          for (const each of [earlier, snapshot]) await cloud.disks.deleteSnapshot(each)
          await cloud.compute.delete(vm)
        },
      }
    },
  },
  {
    work: 'attach',
    ends: 'finished',
    async prepare(subject) {
      const { cloud, region } = subject
      const { id, zone = '' } = await runVm(subject, newJob())
      const vm = { region, id }
      const volume = await cloud.storage.volumes.create({
        ...intentOf(newJob()),
        region,
        zone,
        name: 'data',
        sizeGib: 1,
        type: 'ssd',
      })
      return {
        request: { volume, vm },
        async finish() {
          await insist(() => cloud.storage.volumes.attach(volume, vm))
          const disks = (await cloud.compute.get(vm))?.disks ?? []
          expect(disks.filter((disk) => disk.id === volume.id)).toHaveLength(1)
          expect(await cloud.storage.volumes.get(volume)).toMatchObject({ state: 'in_use', vm: vm.id })
          await cloud.compute.delete(vm)
          await cloud.storage.volumes.delete(volume)
        },
      }
    },
  },
]

/** A running VM gets two more vCPUs while it runs: the next one goes on with that, or takes it back as far as the guest has not got them. */
export const resizes: readonly Scene[] = [resize('finished', 'tiny-3'), resize('taken back', 'tiny')]

function resize(ends: string, size: string): Scene {
  return {
    work: 'resize',
    ends,
    async prepare(subject) {
      const { cloud, region } = subject
      const { id } = await runVm(subject, newJob())
      const vm = { region, id }
      const live = { live: true }
      return {
        request: vm,
        async finish() {
          const refusal = await refusalOf(() => insist(() => cloud.compute.resize(vm, size, live)))
          if (refusal) {
            expect([size, refusal.code, refusal.kind]).toEqual(['tiny', 'conflict', 'permanent'])
            await cloud.compute.resize(vm, 'tiny-3', live)
          }
          const type = refusal ? 'tiny-3' : size
          expect(await sizeOf(subject, vm)).toMatchObject({ type, vcpus: type === 'tiny' ? 1 : 3 })
          await cloud.compute.delete(vm)
        },
      }
    },
  }
}

/** A live move, gone on with or taken back. */
export const moves: readonly Scene[] = [relocation('finished', 'beta'), relocation('taken back', 'alpha')]

/** The same of a VM with a chain of snapshots. */
export const movesWithSnapshots: readonly Scene[] = [
  relocation('finished', 'beta', 2),
  relocation('taken back', 'alpha', 2),
]

/**
 * A running VM is on its way from alpha to beta when the worker dies; then it is brought to `zone`. It runs there, and nowhere else, and its
 * snapshots are there once and read as before.
 */
function relocation(ends: string, zone: string, snapshotCount = 0): Scene {
  return {
    work: 'relocate',
    ends,
    async prepare(subject) {
      const { cloud, region, imagePath } = subject
      const { id } = await runVm(subject, newJob())
      const vm = { region, id }
      const chain = snapshotsLab(subject, newJob())
      const snapshots = await chain.takeChain(vm, snapshotCount)
      const digests = await Promise.all(snapshots.map(chain.digestOf))
      return {
        request: vm,
        async finish() {
          expect(await insist(() => cloud.hosts.relocate(vm, { zone, maxDowntimeMs }))).toMatchObject({
            zone,
          })
          expect(await chain.keptAt(zone === 'beta' ? 'alpha' : 'beta')).toEqual({
            snapshots: [],
            vms: [],
            files: [],
          })
          expect(await chain.listed(snapshots)).toHaveLength(snapshotCount)
          expect(await Promise.all(snapshots.map(chain.digestOf))).toEqual(digests)
          for (const each of snapshots) await cloud.disks.deleteSnapshot(each)
          expect(await cloud.compute.get(vm)).toMatchObject({ state: 'running', zone })
          const all = await Array.fromAsync(cloud.compute.list({ region }))
          expect(all.filter((each) => each.id === id)).toHaveLength(1)
          const { stdout } = await run('pgrep', ['-fc', `uuid ${id} `])
          expect(stdout.trim()).toBe('1')
          await cloud.compute.stop(vm)
          const [disk] = (await cloud.compute.get(vm))?.disks ?? []
          const snapshot = await cloud.disks.createSnapshot({
            ...intentOf(newJob()),
            region,
            vm,
            disk: disk ?? { id: '', sizeBytes: 0 },
          })
          const source = await cloud.disks.openSnapshot(snapshot)
          // Of one with snapshots, something was written before each.
          if (snapshotCount === 0) expect(await digestOfDisk(source)).toBe(await digestOfFile(imagePath))
          else expect(await digestOfDisk(source)).toBe(digests.at(-1))
          await source.close()
          await cloud.disks.deleteSnapshot(snapshot)
          await cloud.compute.delete(vm)
        },
      }
    },
  }
}

const run = promisify(execFile)

/** How long it stands still is shown elsewhere; a busy machine is to be no reason to stay. */
const maxDowntimeMs = 20_000

/** A worker dies at the point, `meanwhile` happens; then the same is done again, and nothing but the stock is left. @returns false if it made no such call. */
export async function dieAndTakeUp(
  subject: Opened,
  scene: Scene,
  death: Death,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Promise<boolean> {
  const before = leftovers(subject)
  const { request, finish } = await scene.prepare(subject)
  const { died } = await runWorker({ settings: subject.settings, work: scene.work, request, death })
  await meanwhile()
  await finish()
  expect(leftovers(subject)).toEqual(before)
  return died
}

const leftovers = ({ loopback }: Opened) => loopback.residue().map(({ kind, id }) => `${kind} ${id}`)
