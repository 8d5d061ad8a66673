import { expect, test } from 'vitest'
import { bareAzure, diskPath } from '#test/clouds/azure/harness.ts'
import { idOf, makeNic, vmModel, vmPath } from '#test/clouds/azure/compute/model.ts'
import { manualClock } from '#test/clouds/core/clock.ts'

// The real time of day: tokens and certificates are judged by it.
const clock = manualClock(Date.now())
const bare = bareAzure({ clock, delaysMs: { disk: 1000 } })

test('a disk that is being detached is attached nowhere until it is free', async () => {
  const attach = (vm: string) =>
    bare.raw.arm('POST', vmPath(vm, '/attachDetachDataDisks'), {
      dataDisksToAttach: [{ diskId: idOf(bare, diskPath('d')) }],
    })
  for (const name of ['one', 'two']) {
    const nic = await makeNic(bare, `${name}-nic`)
    clock.advance(1000)
    expect((await bare.raw.arm('PUT', vmPath(name), vmModel(nic))).status).toBe(201)
  }
  const properties = { creationData: { createOption: 'Empty' }, diskSizeGB: 4 }
  await bare.raw.arm('PUT', diskPath('d'), { location: 'eastus', properties })
  clock.advance(1000)
  expect((await attach('one')).status).toBe(202)
  await bare.raw.arm('POST', vmPath('one', '/attachDetachDataDisks'), {
    dataDisksToDetach: [{ diskId: idOf(bare, diskPath('d')) }],
  })
  expect((await attach('two')).json.error?.code).toBe('AttachDiskWhileBeingDetached')
  clock.advance(1000)
  expect((await attach('two')).status).toBe(202)
})
