import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSite } from '#shared/clouds/onprem/hosts.ts'
import { openOnPremise } from '#shared/clouds/onprem/onprem.ts'
import type { Cloud, CreateVm } from '#shared/clouds/port.ts'
import { intentOf, newJob } from '#test/shared/clouds/conformance/subject.ts'
import { refusalOf } from '#test/shared/clouds/conformance/things.ts'
import { labRecords } from '#test/shared/clouds/onprem/lab-records.ts'

const image = 'img-00000000-0000-8000-8000-000000000001'
const unready = 'img-00000000-0000-8000-8000-000000000002'

describe('a request for a VM', () => {
  let lab: Awaited<ReturnType<typeof labRecords>>
  let cloud: Cloud
  const changes: string[] = []
  beforeAll(async () => {
    lab = await labRecords()
    const site = await openSite(lab.settings)
    for (const [id, state] of [
      [image, 'ready'],
      [unready, 'pending'],
    ] as const)
      await site.homeOf('lab').records.put('image', id, {
        name: 'golden',
        tags: {},
        createdAt: new Date().toISOString(),
        state,
        architecture: 'x86_64',
        disks: [{ sizeBytes: 3 * 2 ** 30 }],
        copies: [],
      })
    cloud = await openOnPremise(lab.settings, {
      intercept: ({ operation, mutating }, send) => {
        if (mutating && operation !== 'mkdir') changes.push(operation)
        return send()
      },
    })
  })
  afterAll(async () => {
    cloud?.close()
    await lab.close()
  })

  const refused = (wishes: Partial<CreateVm>) =>
    refusalOf(() =>
      cloud.compute.create({
        ...intentOf(newJob()),
        region: 'lab',
        name: 'wished',
        instanceType: 'small',
        boot: { image },
        ...wishes,
      }),
    )

  test.for<[field: string, code: string, wishes: Partial<CreateVm>]>([
    ['instance_type', 'invalid_request', { instanceType: 't3.micro' }],
    ['instance_type', 'invalid_request', { instanceType: 'custom-0-512' }],
    ['key_pair', 'invalid_request', { keyPair: 'my-key' }],
    ['encryption', 'invalid_request', { encryption: {} }],
    ['encryption', 'invalid_request', { encryption: { keyId: 'finance' } }],
    ['image', 'invalid_request', { boot: { image: undefined } }],
    [unready, 'conflict', { boot: { image: unready } }],
    ['img-nowhere', 'not_found', { boot: { image: 'img-nowhere' } }],
    ['disk_gib', 'invalid_request', { boot: { image, diskGib: 2 } }],
    ['zone', 'invalid_request', { zone: 'nowhere' }],
    ['region', 'invalid_request', { region: 'nowhere' }],
    [
      'vol-nowhere',
      'not_found',
      { boot: { disks: [{ region: 'lab', id: 'vol-nowhere' }], firmware: 'bios', architecture: 'x86_64' } },
    ],
    ['subnet', 'not_found', { subnet: 'subnet-nowhere' }],
    ['spot', 'unsupported', { spot: {} }],
    ['placement group', 'unsupported', { placementGroup: 'together' }],
  ])(
    'that cannot be met (%s: %s) is refused with the name of what is wrong and the remedy, and nothing is made',
    async ([field, code, wishes]) => {
      const refusal = await refused(wishes)
      expect(refusal).toMatchObject({ name: 'CloudError', code })
      expect(refusal?.message).toContain(field)
      expect(refusal?.remedy).toMatch(/\S/)
      expect(changes).toEqual([])
    },
  )
})
