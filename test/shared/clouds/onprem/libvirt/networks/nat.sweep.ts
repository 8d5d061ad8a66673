import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HypervisorHost } from '#shared/clouds/onprem/host.ts'
import { booted, makeBootVolume, openTestHost, specFor } from '#test/clouds/libvirt/host.ts'
import { startSystemDaemon, whyNoSystemDaemon, type SystemDaemon } from '#test/clouds/libvirt/system.ts'

const why = whyNoSystemDaemon()
const reason = why === undefined ? '' : ` (skipped: ${why})`

describe.skipIf(reason)(`networks and filters of a libvirt that manages a whole machine${reason}`, () => {
  let daemon: SystemDaemon
  let host: HypervisorHost
  beforeAll(async () => {
    daemon = await startSystemDaemon()
    daemon.inside('ip', 'link', 'add', 'ncbr-0', 'type', 'bridge')
    daemon.inside('ip', 'link', 'set', 'ncbr-0', 'up')
    host = openTestHost({ ...daemon, bridges: ['ncbr-0', 'nowhere'] })
  })
  afterAll(async () => {
    host.close()
    await daemon.close()
  })
  const firewall = () => daemon.inside('iptables', '-S')

  test('it has NAT networks, and of the bridges that it is said to have those that are there', async () => {
    expect(await host.facts()).toMatchObject({
      networkKinds: ['user', 'nat', 'bridge'],
      filter: 'nwfilter',
      firmwares: expect.arrayContaining(['bios']) as string[],
    })
    expect(await host.networks.bridges()).toEqual(['ncbr-0'])
  })

  test('a NAT network gives addresses and leads out; its machines are filtered by their groups, which change under them', async () => {
    const network = 'subnet-0e9f'
    await host.networks.createNat(network, { name: 'office', cidr: '192.168.177.0/24' })
    await host.networks.createNat(network, { name: 'office', cidr: '192.168.177.0/24' })
    expect(await host.networks.natNetworks()).toEqual([network])
    expect(daemon.inside('ip', '-br', 'address')).toContain('192.168.177.1/24')
    expect(daemon.inside('iptables', '-t', 'nat', '-S')).toContain('192.168.177.0/24')

    await host.networks.setFilter('sg-1', [
      { direction: 'ingress', protocol: 'tcp', fromPort: 8080, toPort: 8090, cidrs: ['10.1.0.0/16'] },
      { direction: 'ingress', protocol: 'icmp', cidrs: ['0.0.0.0/0', '::/0'] },
    ])
    const nic = {
      mac: '52:54:00:aa:bb:cc',
      kind: 'nat' as const,
      source: network,
      filters: ['sg-1', 'sg-2'],
      forwards: [],
    }
    const spec = specFor(await makeBootVolume(host, 'nat'), { nics: [nic] })
    await host.machines.define(spec)
    await host.machines.start(spec.id)
    await booted(host, spec.id)
    expect(firewall()).toMatch(/-s 10\.1\.0\.0\/16 .*--dports? 8080:8090/)
    expect(firewall()).toMatch(/-j DROP/)
    expect((await host.machines.stats(spec.id))?.networkInBytes).toBeGreaterThanOrEqual(0)
    expect(await host.machines.addresses(spec.id)).toEqual([])

    await host.networks.setFilter('sg-1', [
      { direction: 'ingress', protocol: 'udp', fromPort: 53, toPort: 53, cidrs: ['0.0.0.0/0'] },
    ])
    expect(firewall()).not.toContain('10.1.0.0/16')
    expect(firewall()).toMatch(/-p udp .*--dport 53/)
    await expect(host.networks.removeFilter('sg-1')).rejects.toMatchObject({ code: 'conflict' })

    await host.machines.undefine(spec.id)
    for (const group of ['sg-1', 'sg-2', 'sg-2']) await host.networks.removeFilter(group)
    await host.networks.removeNat(network)
    await host.networks.removeNat(network)
    expect(await host.networks.natNetworks()).toEqual([])
    expect(firewall()).not.toMatch(/vnet|192\.168\.177/)
    expect(daemon.inside('ip', '-br', 'address')).not.toContain('192.168.177')
  })

  test('a machine joins a bridge with the address of its own', async () => {
    const nic = {
      mac: '52:54:00:aa:bb:cd',
      kind: 'bridge' as const,
      source: 'ncbr-0',
      filters: ['sg-3'],
      forwards: [],
    }
    const spec = specFor(await makeBootVolume(host, 'bridge'), { nics: [nic] })
    await host.machines.define(spec)
    await host.machines.start(spec.id)
    expect(daemon.inside('ip', 'link', 'show', 'master', 'ncbr-0')).toMatch(/vnet\d+.*fe:54:00:aa:bb:cd/s)
    await host.machines.undefine(spec.id)
    expect(daemon.inside('ip', 'link', 'show', 'master', 'ncbr-0')).toBe('')
    await host.networks.removeFilter('sg-3')
  })

  test('a range that is none is refused by name', async () => {
    await expect(
      host.networks.createNat('subnet-1', { name: 'x', cidr: '10.0.0.1/24' }),
    ).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('cidr') as string,
    })
    await expect(host.networks.createNat('--all', { name: 'x', cidr: '10.0.0.0/24' })).rejects.toMatchObject({
      code: 'invalid_request',
    })
  })
})
