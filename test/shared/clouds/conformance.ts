import { afterAll, beforeAll, describe } from 'vitest'
import { addresses } from '#test/shared/clouds/conformance/addresses.ts'
import { billing } from '#test/shared/clouds/conformance/billing.ts'
import { buckets } from '#test/shared/clouds/conformance/buckets.ts'
import { callScope } from '#test/shared/clouds/conformance/calls.ts'
import { capabilities } from '#test/shared/clouds/conformance/capabilities.ts'
import { compute } from '#test/shared/clouds/conformance/compute.ts'
import { disks } from '#test/shared/clouds/conformance/disks.ts'
import { errors } from '#test/shared/clouds/conformance/errors.ts'
import { health } from '#test/shared/clouds/conformance/health.ts'
import { hosts } from '#test/shared/clouds/conformance/hosts.ts'
import { images } from '#test/shared/clouds/conformance/images.ts'
import { inventory } from '#test/shared/clouds/conformance/inventory.ts'
import { lateArrivals } from '#test/shared/clouds/conformance/late.ts'
import { everydayWorks, lateWorks } from '#test/shared/clouds/conformance/late-works.ts'
import { networks } from '#test/shared/clouds/conformance/networks.ts'
import { objects } from '#test/shared/clouds/conformance/objects.ts'
import { observation } from '#test/shared/clouds/conformance/observation.ts'
import { pagesOfAll, pagesOfVms } from '#test/shared/clouds/conformance/paging.ts'
import { posture } from '#test/shared/clouds/conformance/posture.ts'
import { refusals } from '#test/shared/clouds/conformance/refusals.ts'
import {
  creationOfVm,
  everyCreation,
  lostReplies,
  makeShared,
} from '#test/shared/clouds/conformance/replies.ts'
import { securityGroups } from '#test/shared/clouds/conformance/security-groups.ts'
import { snapshots } from '#test/shared/clouds/conformance/snapshots.ts'
import type { Subject, SubjectOptions } from '#test/shared/clouds/conformance/subject.ts'
import { throttling } from '#test/shared/clouds/conformance/throttling.ts'
import { createTracer, type Trace } from '#test/shared/clouds/conformance/trace.ts'
import { vms } from '#test/shared/clouds/conformance/vms.ts'
import { volumes } from '#test/shared/clouds/conformance/volumes.ts'

/**
 * What every cloud must hold, told in the port's terms alone; what takes long is in `conformanceSweep`. One adapter on one loopback cloud, made by `open`, serves all sections;
 * each cleans up its own jobs. Both are closed at the end.
 */
export function conformance(name: string, open: (options?: SubjectOptions) => Promise<Subject>): void {
  describe(`${name} keeps the cloud port's promises`, () => {
    const subject = {} as Subject
    let trace: Trace
    beforeAll(async () => {
      const opened = await open()
      const tracer = createTracer(
        opened.loopback,
        opened.cloud.capabilities.operations,
        opened.dialect.signIn,
      )
      trace = tracer.trace
      Object.assign(subject, opened, {
        cloud: tracer.watch(opened.cloud),
        reopen: async (changes: Parameters<Subject['reopen']>[0]) =>
          tracer.watch(await opened.reopen(changes)),
      })
    })
    afterAll(async () => {
      subject.cloud?.close()
      await subject.loopback?.close()
    })
    for (const section of sections) section(subject)
    capabilities(subject, () => trace)
  })
  describe(`${name} lists to the end`, () => {
    pagesOfVms(open)
  })
}

/** The rest of what every cloud must hold, call by call and list by list: minutes, for a sweep. */
export function conformanceSweep(name: string, open: (options?: SubjectOptions) => Promise<Subject>): void {
  describe(`${name} keeps the cloud port's promises`, () => {
    const subject = {} as Subject
    beforeAll(async () => {
      Object.assign(subject, await open())
      await makeShared(subject)
    })
    afterAll(async () => {
      subject.cloud?.close()
      await subject.loopback?.close()
    })
    lostReplies(subject, everyCreation)
  })
  describe(`${name} lists to the end`, () => {
    pagesOfAll(open)
  })
}

/**
 * What comes late is taken back: by each call of each work, for a sweep of its own.
 * @param options `options`: further ones of the registration; `brief`: each call once, at the worst moment (all moments with SWEEPS=all).
 */
export function lateSweep(
  name: string,
  open: () => Promise<Subject>,
  { options = quick, brief = !thorough }: { options?: Record<string, unknown>; brief?: boolean } = {},
): void {
  describe(`${name} keeps the cloud port's promises`, () => {
    const subject = {} as Subject
    beforeAll(async () => {
      const opened = await open()
      const cloud = await opened.reopen({ options })
      opened.cloud.close()
      Object.assign(subject, opened, { cloud })
      await makeShared(subject)
    })
    afterAll(async () => {
      subject.cloud?.close()
      await subject.loopback?.close()
    })
    lateArrivals(subject, lateWorks, { brief })
  })
}

/** Whether time is no matter. */
const thorough = process.env['SWEEPS'] === 'all'

/** Longer than what was made takes to be listed, and short enough to be waited for after each call. */
const quick = { consistency_ms: 400 }

const sections = [
  vms,
  compute,
  disks,
  snapshots,
  networks,
  securityGroups,
  addresses,
  volumes,
  buckets,
  objects,
  images,
  observation,
  billing,
  posture,
  health,
  hosts,
  errors,
  throttling,
  (subject: Subject) => lostReplies(subject, creationOfVm),
  (subject: Subject) => lateArrivals(subject, everydayWorks, { brief: true, quick }),
  callScope,
  refusals,
  inventory,
]

export type { Subject, SubjectOptions }
