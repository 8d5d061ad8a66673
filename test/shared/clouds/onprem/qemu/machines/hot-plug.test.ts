import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { Forward, MachineSpec } from '#shared/clouds/onprem/host.ts'
import { listedForwards } from '#shared/clouds/onprem/qemu/machines/forwards.ts'
import { freePort } from '#shared/services/process.ts'
import { guestMachine, guestVolume } from '#test/clouds/onprem/guest-volume.ts'
import type { TestHost } from '#test/clouds/onprem/open-host.ts'
import { needsQemu, openTestHost } from '#test/clouds/onprem/qemu-host.ts'
import { tracesOf } from '#test/clouds/onprem/traces.ts'
import { guestReady } from '#test/clouds/onprem/until.ts'

async function running(changes: Partial<MachineSpec> = {}): Promise<TestHost & { id: string }> {
  const opened = await openTestHost({ graceMs: 100 })
  const spec = guestMachine(await guestVolume(opened.host), changes)
  await opened.machines.define(spec)
  await opened.machines.start(spec.id)
  await guestReady(opened.machines, spec.id)
  return { ...opened, id: spec.id }
}

const devicesOf = ({ host, id }: { host: TestHost['host']; id: string }) =>
  host.monitor(id, async (monitor) => {
    const all = await monitor.execute<{ qdev?: string; inserted?: { 'node-name': string } }[]>('query-block')
    return all.flatMap(({ inserted }) => (inserted ? [inserted['node-name']] : []))
  })

test('a disk is attached to a running machine once, whatever is lost on the way, and is there after the next start', async (context) => {
  await needsQemu(context)
  const opened = await running()
  const { machines, host, id, tap } = opened
  const disk = { volume: await guestVolume(host, { keyName: 'volume/two' }), device: 'vdb' }
  for (const operation of ['object-add', 'blockdev-add', 'device_add', 'record put']) {
    tap.inject({ operation, mode: 'drop_reply', times: 1 })
    await expect(machines.attachDisk(id, disk)).rejects.toMatchObject({ code: 'network' })
  }
  await machines.attachDisk(id, disk)
  expect(await devicesOf(opened)).toEqual(['vda', 'vdb'])
  const other = { volume: await guestVolume(host), device: 'vdb' }
  await expect(machines.attachDisk(id, other)).rejects.toMatchObject({ code: 'conflict' })

  await machines.powerOff(id)
  await machines.start(id)
  expect(await devicesOf(opened)).toEqual(['vda', 'vdb'])
})

test('a guest that does not let go of a disk keeps it, also over a reset, until it is stopped', async (context) => {
  await needsQemu(context)
  const opened = await running()
  const { machines, host, id } = opened
  const disk = { volume: await guestVolume(host), device: 'vdb' }
  await machines.attachDisk(id, disk)
  await expect(machines.detachDisk(id, 'vdb')).rejects.toMatchObject({
    code: 'conflict',
    vendorCode: 'guest_silent',
    remedy: expect.stringContaining('stop the VM') as string,
  })
  await machines.restart(id)
  expect(await devicesOf(opened)).toEqual(['vda', 'vdb'])
  await machines.powerOff(id)
  await machines.detachDisk(id, 'vdb')
  await machines.detachDisk(id, 'vdb')
  expect((await machines.spec(id))?.disks).toHaveLength(1)
})

test('forwards are exactly those asked for, also after the next start, and free their ports', async (context) => {
  await needsQemu(context)
  const { machines, host, id } = await running()
  const ports = [await freePort(), await freePort(), await freePort()]
  const [one = 0, two = 0, three = 0] = ports
  const forward = (hostPort: number, guestPort: number): Forward => ({
    protocol: 'tcp',
    hostAddress: '127.0.0.1',
    hostPort,
    guestPort,
  })
  const listening = async () =>
    (await tracesOf(host.layout.folder, ports)).ports.map(Number).toSorted((a, b) => a - b)
  await machines.setForwards(id, [forward(one, 22), forward(two, 80)])
  expect(await listening()).toEqual([one, two].toSorted((a, b) => a - b))
  // The port of one leads elsewhere now, two's is given up, three's is new.
  await machines.setForwards(id, [forward(one, 23), { ...forward(three, 53), protocol: 'udp' }])
  expect(await listening()).toEqual([one, three].toSorted((a, b) => a - b))
  const shown = await host.monitor(id, (monitor) =>
    monitor.execute<string>('human-monitor-command', { 'command-line': 'info usernet' }),
  )
  expect(listedForwards(shown)).toEqual(
    expect.arrayContaining([
      { host: `tcp:127.0.0.1:${one}`, guestPort: 23 },
      { host: `udp:127.0.0.1:${three}`, guestPort: 53 },
    ]),
  )
  await machines.powerOff(id)
  expect(await listening()).toEqual([])
  await machines.start(id)
  expect(await listening()).toEqual([one, three].toSorted((a, b) => a - b))
})

test('a port that another program listens on is refused with the reason, and the rest stays as it was', async (context) => {
  await needsQemu(context)
  const { machines, id } = await running()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  const hostPort = typeof address === 'object' && address ? address.port : 0
  const taken: Forward = { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort, guestPort: 22 }
  await expect(machines.setForwards(id, [taken])).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining(String(hostPort)) as string,
  })
  expect((await machines.spec(id))?.nics[0]?.forwards).toEqual([])
  await expect(machines.setForwards(id, [{ ...taken, hostAddress: '::1' }])).rejects.toMatchObject({
    code: 'unsupported',
  })
  await expect(
    machines.setForwards(id, [{ ...taken, hostAddress: '127.0.0.1:1-:2,x' }]),
  ).rejects.toMatchObject({ code: 'unsupported' })
})

test('QEMU’s list of forwards is read as it is written', () => {
  const text = [
    'Hub -1 (net0):',
    '  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ',
    '  TCP[HOST_FORWARD]  16       127.0.0.1 45124       10.9.0.20    22     0     0',
    '  UDP[HOST_FORWARD]  17               *    53       10.9.0.20    53     0     0',
    '  TCP[ESTABLISHED]   18       10.9.0.20 40000        10.0.2.2    80     0     0',
    '',
  ].join('\r\n')
  expect(listedForwards(text)).toEqual([
    { host: 'tcp:127.0.0.1:45124', guestPort: 22 },
    { host: 'udp:0.0.0.0:53', guestPort: 53 },
  ])
})
