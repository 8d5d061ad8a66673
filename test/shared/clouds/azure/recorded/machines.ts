import { expect } from 'vitest'
import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

const group =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/myResourceGroup/providers/Microsoft.Compute'
const snapshot = { region: 'westus', id: `${group}/snapshots/mySnapshot` }

/** Responses about machines, disks and networks. */
export const machineCases: RecordedCase[] = [
  {
    title: 'a snapshot',
    source: 'https://learn.microsoft.com/rest/api/compute/snapshots/get',
    replies: ['snapshots-get.json'],
    call: (cloud) => cloud.disks.getSnapshot(snapshot),
    gives: expect.objectContaining({
      name: 'mySnapshot',
      region: 'westus',
      state: 'ready',
      sizeBytes: 200 * 2 ** 30,
      encrypted: true,
      tags: { department: 'Development', project: 'Snapshots' },
      createdAt: new Date('2016-12-28T04:47:30.663Z'),
    }),
  },
  {
    title: 'a refusal for want of a role',
    source: 'https://learn.microsoft.com/azure/role-based-access-control/troubleshooting',
    replies: ['error-authorization.http'],
    call: (cloud) => cloud.disks.getSnapshot(snapshot),
    throws: {
      name: 'CloudError',
      code: 'forbidden',
      vendorCode: 'AuthorizationFailed',
      requestId: '4c5e8f3a-d8f0-4e6b-a1b6-000000000001',
    },
  },
]
