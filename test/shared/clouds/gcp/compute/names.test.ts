import { expect, test } from 'vitest'
import { openGcp } from '#shared/clouds/gcp/gcp.ts'
import { intentOf, newJob, runVm } from '#test/shared/clouds/conformance/subject.ts'
import { openParts } from '#test/shared/clouds/gcp/parts.ts'
import { openSubject, region, settingsFor } from '#test/shared/clouds/gcp/subject.ts'

test('a VM is found by its bare name, its partial path and its whole URL, in whichever zone it is', async () => {
  const { loopback } = await openParts()
  const cloud = await openGcp(settingsFor(loopback))
  const vm = await cloud.compute.create({
    ...intentOf(newJob()),
    region,
    zone: 'us-central1-f',
    name: 'anywhere',
    instanceType: 'e2-small',
    boot: { image: undefined },
  })
  const name = vm.id.split('/').at(-1) ?? ''
  const project = loopback.credentials['project_id']
  for (const id of [
    name,
    `projects/${project}/${vm.id}`,
    `${loopback.url}/compute/v1/projects/${project}/${vm.id}`,
  ])
    expect(await cloud.compute.get({ region, id })).toMatchObject({ id: vm.id })
  expect(await cloud.compute.get({ region, id: 'nobody' })).toBeUndefined()
  await expect(cloud.compute.start({ region, id: 'nobody' })).rejects.toMatchObject({ code: 'not_found' })
  await expect(cloud.compute.get({ region, id: 'zones/a/disks/b' })).rejects.toMatchObject({
    code: 'invalid_request',
  })
  cloud.close()
})

test('tags that no label can hold come back as they were, and others are labels', async () => {
  const subject = await openSubject()
  const { cloud, loopback } = subject
  const vm = await runVm(subject, newJob())
  const tags = { 'Cost Centre': 'Zürich/4', team: 'core', Name: 'With Capitals' }
  await cloud.compute.setTags(vm, { set: tags, remove: [] })
  expect((await cloud.compute.get(vm))?.tags).toMatchObject(tags)
  await cloud.compute.setTags(vm, { set: {}, remove: ['Cost Centre', 'team', 'novacron-job'] })
  const left = (await cloud.compute.get(vm))?.tags ?? {}
  expect(Object.keys(left).toSorted()).toEqual(['Name', 'novacron-job', 'novacron-step', 'novacron-tenant'])
  cloud.close()
  await loopback.close()
})

test('a change of tags that somebody overtook is made anew on what they left', async () => {
  const subject = await openSubject()
  const { cloud, loopback } = subject
  const vm = await runVm(subject, newJob())
  await Promise.all(
    ['a', 'b', 'c'].map((tag) => cloud.compute.setTags(vm, { set: { [tag]: 'set' }, remove: [] })),
  )
  expect((await cloud.compute.get(vm))?.tags).toMatchObject({ a: 'set', b: 'set', c: 'set' })
  cloud.close()
  await loopback.close()
})
