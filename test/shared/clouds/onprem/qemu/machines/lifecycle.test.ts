import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import { freePort } from '#shared/services/process.ts'
import { guestMachine, guestVolume } from '#test/clouds/onprem/guest-volume.ts'
import type { TestHost } from '#test/clouds/onprem/open-host.ts'
import { needsQemu, openTestHost } from '#test/clouds/onprem/qemu-host.ts'
import { tracesLeft, tracesOf } from '#test/clouds/onprem/traces.ts'
import { guestReady, until } from '#test/clouds/onprem/until.ts'

async function defineGuests({ host, machines }: TestHost, count: number): Promise<MachineSpec[]> {
  const specs: MachineSpec[] = []
  for (let index = 0; index < count; index += 1) {
    const spec = guestMachine(await guestVolume(host, { unique: `guest-${index}` }))
    await machines.define(spec)
    specs.push(spec)
  }
  return specs
}

test('machines boot, and nothing but their volumes is left when they are undefined', async (context) => {
  await needsQemu(context)
  const opened = await openTestHost()
  const { machines, host } = opened
  const specs = await defineGuests(opened, 3)
  const hostPort = await freePort()
  const [first] = specs
  if (!first) throw new Error('no machine')
  await machines.setForwards(first.id, [
    { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort, guestPort: 22 },
  ])

  await Promise.all(specs.map(({ id }) => machines.start(id)))
  await Promise.all(specs.map(({ id }) => guestReady(machines, id)))
  const up = await tracesOf(host.layout.folder, [hostPort])
  expect([up.processes.length, up.sockets.length > 0, up.ports]).toEqual([3, true, [String(hostPort)]])
  expect(await machines.console(first.id)).toBe(
    'NOVACRON GUEST unique=guest-0 boots=0001\r\nNOVACRON READY\r\n',
  )

  await Promise.all(specs.map(({ id }) => machines.shutdown(id)))
  expect(await machines.list()).toEqual(
    specs.map(({ id }) => ({ id, state: 'stopped' })).toSorted((a, b) => a.id.localeCompare(b.id)),
  )
  await Promise.all(specs.map(({ id }) => machines.undefine(id)))
  const volumes = specs.map(({ disks }) => `${host.layout.pool('default')}/${disks[0]?.volume.name}`)
  const left = await tracesLeft(host.layout.folder, [hostPort])
  expect({ ...left, files: left.files.toSorted() }).toEqual({
    processes: [],
    sockets: [],
    ports: [],
    files: volumes.toSorted(),
  })
})

test('a control plane that knows nothing finds a running machine again by its UUID and starts no second', async (context) => {
  await needsQemu(context)
  const opened = await openTestHost()
  const [spec] = await defineGuests(opened, 1)
  if (!spec) throw new Error('no machine')
  const { id } = spec
  const others = [opened, opened.again(), opened.again()]
  await Promise.all(others.map(({ machines }) => machines.start(id)))
  const { processes } = await tracesOf(opened.host.layout.folder)
  expect(processes).toHaveLength(1)
  expect(processes[0]).toContain(`-uuid ${id}`)

  const later = opened.again()
  expect(await later.machines.list()).toEqual([{ id, state: 'running' }])
  expect(await later.machines.spec(id)).toEqual(spec)
  await later.machines.powerOff(id)
  expect(await opened.machines.status(id)).toEqual({ id, state: 'stopped' })
})

test('a machine runs confined: as nobody, under its own system call filter, without a passphrase on its command line', async (context) => {
  await needsQemu(context)
  const { machines, host } = await openTestHost()
  const volume = await guestVolume(host, { keyName: 'volume/one' })
  const spec = guestMachine(volume)
  await machines.define(spec)
  await machines.start(spec.id)
  await guestReady(machines, spec.id)
  const pid = (await readFile(host.layout.machine(spec.id).pid, 'utf8')).trim()
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  expect(status).toMatch(/Seccomp:\t2/)
  const uid = host.runAs?.uid ?? process.getuid?.()
  expect(status).toContain(`Uid:\t${uid}\t${uid}\t${uid}\t${uid}`)
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8')
  expect(command).not.toContain(host.context.passphrase('volume/one'))
  expect(await readFile(`${host.layout.pool('default')}/${volume.name}`, 'latin1')).not.toContain('NOVACRON')
})

test('a machine whose process was killed counts as crashed, and starts again', async (context) => {
  await needsQemu(context)
  const opened = await openTestHost()
  const { machines, host } = opened
  const [spec] = await defineGuests(opened, 1)
  if (!spec) throw new Error('no machine')
  await machines.start(spec.id)
  await guestReady(machines, spec.id, 1)
  process.kill(Number(await readFile(host.layout.machine(spec.id).pid, 'utf8')), 'SIGKILL')
  await until('the crash', async () => (await machines.status(spec.id))?.state === 'crashed')
  expect(await machines.stats(spec.id)).toBeUndefined()
  await machines.start(spec.id)
  await guestReady(machines, spec.id, 2)
  expect(await machines.stats(spec.id)).toMatchObject({ diskWriteOps: 1, diskWriteBytes: 512 })
})

test('the reset button boots the guest again in the same process', async (context) => {
  await needsQemu(context)
  const opened = await openTestHost()
  const { machines, host } = opened
  const [spec] = await defineGuests(opened, 1)
  if (!spec) throw new Error('no machine')
  await machines.start(spec.id)
  await guestReady(machines, spec.id, 1)
  const pid = await readFile(host.layout.machine(spec.id).pid, 'utf8')
  await machines.restart(spec.id)
  await guestReady(machines, spec.id, 2)
  expect(await readFile(host.layout.machine(spec.id).pid, 'utf8')).toBe(pid)
})

test('what a host cannot run is refused before anything is written', async (context) => {
  await needsQemu(context)
  const { machines, host } = await openTestHost()
  const spec = guestMachine({ pool: 'default', name: 'vol-none.qcow2', format: 'qcow2' })
  const [nic] = spec.nics
  if (!nic) throw new Error('no interface')
  const refused = [
    [{ architecture: 'arm64' }, 'unsupported', 'architecture'],
    [{ nics: [{ ...nic, kind: 'nat', source: 'net-1' }] }, 'unsupported', 'libvirt driver'],
    [{ nics: [{ ...nic, kind: 'bridge', source: 'br0' }] }, 'unsupported', 'nics.0.source'],
    [{ nics: [{ ...nic, mac: '52:54,x=1' }] }, 'invalid_request', 'nics.0.mac'],
    [{ nics: [{ ...nic, cidr: '10.0.0.0/24,hostfwd=x' }] }, 'invalid_request', 'nics.0.cidr'],
    [{ disks: [{ ...spec.disks[0], device: 'sda' }] }, 'invalid_request', 'device'],
    [{ vcpus: 0 }, 'invalid_request', 'vcpus'],
    [{ maxMemoryMib: 16 }, 'invalid_request', 'memoryMib'],
    [{ id: '../../etc' }, 'invalid_request', 'id'],
  ] as [Partial<MachineSpec>, string, string][]
  for (const [change, code, words] of refused)
    await expect(machines.define({ ...spec, ...change })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words) as string,
    })
  expect((await tracesOf(host.layout.folder)).files).toEqual([])
})

test('what a running machine is cannot be defined anew, and one that is not there can be stopped and undefined', async (context) => {
  await needsQemu(context)
  const opened = await openTestHost()
  const [spec] = await defineGuests(opened, 1)
  if (!spec) throw new Error('no machine')
  const { machines } = opened
  await machines.start(spec.id)
  await expect(machines.define({ ...spec, vcpus: 2, maxVcpus: 2 })).rejects.toMatchObject({
    code: 'conflict',
    remedy: expect.stringContaining('Stop the VM') as string,
  })
  const nobody = guestMachine({ pool: 'default', name: 'none.qcow2', format: 'qcow2' }).id
  await machines.powerOff(nobody)
  await machines.shutdown(nobody)
  await machines.undefine(nobody)
  expect(await machines.status(nobody)).toBeUndefined()
  await expect(machines.start(nobody)).rejects.toMatchObject({ code: 'not_found' })
})
