import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { digest } from '#test/shared/clouds/conformance/subject.ts'

const tags = { 'novacron-tenant': 'acme', 'novacron-job': 'stock', 'novacron-step': 'stock' }

/** Gives the first host of a location an image with these bytes. @returns its id. */
export async function addDefaultImage(site: Site, region: string, imagePath: string): Promise<string> {
  const host = site.homeOf(region)
  const pool = (await host.volumes.pools())[0]?.name ?? ''
  const id = idFor('img', randomUUID())
  const content = await readFile(imagePath)
  const ref = { pool, name: `${id}-0.qcow2`, format: 'qcow2' } as const
  await host.volumes.create(ref, { sizeBytes: content.length })
  const sink = await host.volumes.openSink(ref)
  const step = sink.preferredChunkBytes
  for (let offset = 0; offset < content.length; offset += step) {
    const data = content.subarray(offset, offset + step)
    if (data.some((byte) => byte !== 0)) await sink.write({ offset, data, sha256: digest(data) })
  }
  await sink.flush()
  await sink.close()
  await host.records.put('image', id, {
    name: 'default',
    tags,
    createdAt: new Date().toISOString(),
    state: 'ready',
    architecture: 'x86_64',
    firmware: 'bios',
    disks: [{ sizeBytes: content.length }],
    copies: [{ host: host.name, pool }],
  })
  return id
}

/** Writes down VMs as creating them would, over all hosts of the location, without starting anything. */
export async function addRunningVms(site: Site, region: string, count: number): Promise<void> {
  const hosts = site.inRegion(region)
  for (let index = 0; index < count; index += 1) {
    const host = hosts[index % hosts.length]
    if (host) await addVm(host, index)
  }
}

async function addVm({ machines, records }: Host, index: number): Promise<void> {
  const id = randomUUID()
  const name = `vm-${index}`
  await machines.define({
    id,
    name,
    vcpus: 1,
    memoryMib: 64,
    maxVcpus: 1,
    maxMemoryMib: 64,
    architecture: 'x86_64',
    firmware: 'bios',
    disks: [],
    nics: [],
  })
  await records.put('vm', id, {
    name,
    tags,
    createdAt: new Date().toISOString(),
    instanceType: 'tiny',
    vcpus: 1,
    memoryMib: 64,
    architecture: 'x86_64',
    firmware: 'bios',
    disks: [],
    securityGroups: [],
    phase: 'ready',
    powered: [],
  })
}
