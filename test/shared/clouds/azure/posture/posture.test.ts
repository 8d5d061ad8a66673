import { expect, test } from 'vitest'
import type { PostureResource } from '#shared/clouds/port.ts'
import { openSubject, region } from '#test/shared/clouds/azure/subject.ts'
import { intentOf, newJob, runVm } from '#test/shared/clouds/conformance/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const job = newJob()

const subject = useSubject(openSubject)

async function find<Kind extends PostureResource['kind']>(kind: Kind, id?: string) {
  for await (const each of subject.cloud.posture.inventory({ region }))
    if (each.kind === kind && (id === undefined || each.id === id))
      return each as Extract<PostureResource, { kind: Kind }>
  throw new Error(`no ${kind} ${id}`)
}

/** The path below the subscription. */
const below = (id: string): string => `/${id.split('/').slice(3).join('/')}`

async function put(path: string, body: object): Promise<void> {
  const { status, text } = await subject.raw.arm('PUT', path, body)
  if (status >= 300) throw new Error(text)
}

test('a VM is protected from deletion by a lock on itself or on its group', async () => {
  const vm = await runVm(subject, job)
  expect(await find('vm', vm.id)).toMatchObject({
    running: true,
    metadataProtected: true,
    disksEncrypted: true,
    deletionProtected: false,
  })
  const lock = { properties: { level: 'CanNotDelete' } }
  await put(`${below(vm.id)}/providers/Microsoft.Authorization/locks/keep?api-version=2020-05-01`, lock)
  expect((await find('vm', vm.id)).deletionProtected).toBe(true)

  const other = await runVm(subject, job)
  expect((await find('vm', other.id)).deletionProtected).toBe(false)
  await put(
    '/resourceGroups/novacron/providers/Microsoft.Authorization/locks/all?api-version=2020-05-01',
    lock,
  )
  expect((await find('vm', other.id)).deletionProtected).toBe(true)
})

test('a network has flow logs once an enabled one of its region is about it', async () => {
  const { cloud } = subject
  const network = await cloud.networks.create({
    ...intentOf(job),
    region,
    name: 'watched',
    cidr: '10.9.0.0/16',
  })
  expect((await find('network', network.id)).flowLogs).toBe(false)
  const log = (enabled: boolean) =>
    put(
      `/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers/NetworkWatcher_${region}/flowLogs/log?api-version=2026-01-01`,
      { location: region, properties: { targetResourceId: network.id, storageId: '/x', enabled } },
    )
  await log(false)
  expect((await find('network', network.id)).flowLogs).toBe(false)
  await log(true)
  expect((await find('network', network.id)).flowLogs).toBe(true)
})

test('a bucket is logged once a diagnostic setting keeps its requests, and takes TLS 1.2 alone', async () => {
  const bucket = await subject.cloud.storage.buckets.create({
    ...intentOf(job),
    region,
    name: 'looked-at',
    versioning: true,
    lifecycle: [],
  })
  expect(await find('bucket', bucket.id)).toMatchObject({ tlsOnly: true, logging: false, versioning: true })
  const [account] = bucket.id.split('/')
  await put(
    `/resourceGroups/novacron/providers/Microsoft.Storage/storageAccounts/${account}/blobServices/default/providers/Microsoft.Insights/diagnosticSettings/audit?api-version=2021-05-01-preview`,
    { properties: { workspaceId: '/w', logs: [{ category: 'StorageRead', enabled: true }] } },
  )
  expect((await find('bucket', bucket.id)).logging).toBe(true)
})

test('the serial console is allowed until the subscription says otherwise', async () => {
  expect(await find('account')).toMatchObject({ serialConsoleAllowed: true, disksEncryptedByDefault: true })
  await subject.raw.arm(
    'POST',
    '/providers/Microsoft.SerialConsole/consoleServices/default/disableConsole?api-version=2018-05-01',
  )
  expect((await find('account')).serialConsoleAllowed).toBe(false)
})
