import { expect, test } from 'vitest'
import type { World } from '#test/workers/resources/world.ts'

/** Networks, security groups and addresses, through the API and to a cloud. */
export function networkSuite(current: () => World): void {
  const network = (changes = {}) => ({
    provider_id: 'cloud-1',
    name: 'front',
    cidr: '10.20.0.0/16',
    tags: { team: 'web' },
    subnets: [{ name: 'front-a', cidr: '10.20.1.0/24' }],
    ...changes,
  })

  test('a network is made with its subnets, takes one more, and is deleted when they are gone', async () => {
    const world = current()
    const { body, status } = await world.post('/networks', network())
    expect(status).toBe(200)
    expect(body['job']).toMatchObject({ kind: 'network.create', state: 'succeeded' })
    expect(body['network']).toMatchObject({ name: 'front', state: 'available', provider_id: 'cloud-1' })
    const id = String(body['network']?.['id'])
    const more = await world.post(`/networks/${id}/subnets`, { name: 'front-b', cidr: '10.20.2.0/24' })
    expect(more.body).toMatchObject({
      job: { state: 'succeeded' },
      subnet: { cidr: '10.20.2.0/24', state: 'available' },
    })
    const listed = await world.get(`/networks/${id}/subnets`)
    const subnets = listed['subnets'] as unknown as { id: string; cidr: string; cloud_id: string }[]
    expect(subnets.map(({ cidr }) => cidr).toSorted()).toEqual(['10.20.1.0/24', '10.20.2.0/24'])
    expect((await world.delete(`/networks/${id}`)).body).toMatchObject({
      code: 'resource_state',
      detail: 'The network has subnets: front-a, front-b.',
    })
    for (const subnet of subnets)
      expect((await world.delete(`/subnets/${subnet.id}`)).body).toMatchObject({
        job: { state: 'succeeded' },
        subnet: { state: 'deleted' },
      })
    expect((await world.delete(`/networks/${id}`)).body).toMatchObject({
      job: { state: 'succeeded' },
      network: { state: 'deleted' },
    })
    expect(world.residueOf(body['job']?.['id'])).toEqual([])
  })

  test('a network whose subnet is refused leaves nothing, here or there', async () => {
    const world = current()
    world.cloud.inject({ operation: world.dialect.createSubnet, mode: 'error', ...world.dialect.forbidden })
    const { body } = await world.post(
      '/networks',
      network({ name: 'half', cidr: '10.30.0.0/16', subnets: [{ name: 'a', cidr: '10.30.1.0/24' }] }),
    )
    expect(body).toMatchObject({
      job: { state: 'failed', problem: { code: 'forbidden', step: 'create_subnets' }, residue: [] },
      network: { state: 'deleted' },
    })
    expect(world.residueOf(body['job']?.['id'])).toEqual([])
    const { rows } = await world.api.pool.query(
      `select state from cloud_resources where name in ('half', 'a') group by state`,
    )
    expect(rows).toEqual([{ state: 'deleted' }])
  })

  test('a creation whose reply is lost makes one network', async () => {
    const world = current()
    world.cloud.inject({ operation: world.dialect.createNetwork, mode: 'drop_reply' })
    const { body } = await world.post(
      '/networks',
      network({ name: 'lost', cidr: '10.40.0.0/16', subnets: [] }),
    )
    expect(body['job']).toMatchObject({ state: 'succeeded' })
    expect(world.residueOf(body['job']?.['id']).filter(({ kind }) => /network|vpc/i.test(kind))).toHaveLength(
      1,
    )
    await world.delete(`/networks/${String(body['network']?.['id'])}`)
  })

  test('the rules of a security group are made exactly what is asked, at the version that was read', async () => {
    const world = current()
    const https = {
      direction: 'ingress',
      protocol: 'tcp',
      from_port: 443,
      to_port: 443,
      cidrs: ['0.0.0.0/0'],
    }
    const ssh = { direction: 'ingress', protocol: 'tcp', from_port: 22, to_port: 22, cidrs: ['10.0.0.0/8'] }
    const made = await world.post('/security-groups', { provider_id: 'cloud-1', name: 'web', rules: [https] })
    expect(made.body).toMatchObject({ job: { state: 'succeeded' }, security_group: { state: 'available' } })
    const path = `/security-groups/${String(made.body['security_group']?.['id'])}`
    const read = await world.client.get(path)
    expect(read.body['rules']).toEqual(
      expect.arrayContaining([expect.objectContaining({ from_port: 443, cidrs: ['0.0.0.0/0'] })]),
    )
    const headers = { 'if-match': String(read.headers.get('etag')), prefer: 'wait=25' }
    const changed = await world.client.put(`${path}/rules`, { rules: [ssh] }, headers)
    expect(changed.body).toMatchObject({ job: { state: 'succeeded' } })
    const rules = (await world.get(path))['rules'] as unknown as { direction: string; from_port: number }[]
    expect(rules.filter(({ direction }) => direction === 'ingress')).toEqual([
      expect.objectContaining({ from_port: 22, cidrs: ['10.0.0.0/8'] }),
    ])
    const late = await world.client.put(`${path}/rules`, { rules: [https] }, headers)
    expect(late.status).toBe(412)
    expect((await world.delete(path)).body).toMatchObject({ job: { state: 'succeeded' } })
  })

  test('rules that a cloud spells differently are known again, and new descriptions of theirs reach it', async () => {
    const world = current()
    const rules = (description: string) => [
      {
        direction: 'ingress',
        protocol: 'tcp',
        from_port: 443,
        to_port: 443,
        cidrs: ['0.0.0.0/0', '2001:DB8:0:0::/32'],
        description,
      },
      { direction: 'egress', protocol: 'any', cidrs: ['0.0.0.0/0'] },
    ]
    const made = await world.post('/security-groups', { provider_id: 'cloud-1', name: 'spelt', rules: [] })
    const path = `/security-groups/${String(made.body['security_group']?.['id'])}`
    for (const description of ['web', 'shop']) {
      const { body } = await world.put(`${path}/rules`, { rules: rules(description) })
      expect(body['job']).toMatchObject({ state: 'succeeded' })
      const shown = (await world.get(path))['rules'] as unknown as { description?: string }[]
      expect(shown).toContainEqual(expect.objectContaining({ description }))
    }
    await world.delete(path)
  })

  test('a VM is made in a security group that is named by our id', async () => {
    const world = current()
    const made = await world.post('/security-groups', { provider_id: 'cloud-1', name: 'guard', rules: [] })
    const { id, cloud_id: cloudId } = made.body['security_group'] ?? {}
    const vm = await world.runVm({ preferred_provider: 'cloud-1', security_groups: [id] })
    expect((vm['security_groups'] as unknown as string[]).map((one) => one.toLowerCase())).toEqual([
      String(cloudId).toLowerCase(),
    ])
    await world.delete(`/vms/${String(vm['id'])}`)
    expect((await world.delete(`/security-groups/${String(id)}`)).body).toMatchObject({
      job: { state: 'succeeded' },
    })
  })

  test('an address is kept, led to a VM, taken from it and given up', async () => {
    const world = current()
    const vm = await world.runVm()
    const made = await world.post('/addresses', { provider_id: 'cloud-1', name: 'web' })
    expect(made.body).toMatchObject({
      job: { state: 'succeeded' },
      address: { ip: expect.stringMatching(/^\d/) as unknown },
    })
    const path = `/addresses/${String(made.body['address']?.['id'])}`
    const led = await world.post(`${path}/associate`, { vm_id: vm['id'] })
    expect(led.body).toMatchObject({
      job: { state: 'succeeded' },
      address: { state: 'in_use', attached_to: vm['vm_id'] },
    })
    expect((await world.get(`/vms/${String(vm['id'])}`))['public_ip']).toBe(made.body['address']?.['ip'])
    expect((await world.delete(path)).body).toMatchObject({
      code: 'resource_state',
      remedy: expect.stringContaining('disassociate') as unknown,
    })
    const taken = await world.post(`${path}/disassociate`)
    expect(taken.body).toMatchObject({
      job: { state: 'succeeded' },
      address: { state: 'available', attached_to: null },
    })
    expect((await world.delete(path)).body).toMatchObject({ address: { state: 'deleted' } })
    await world.delete(`/vms/${String(vm['id'])}`)
  })

  test('a change of rules that is refused half way leaves the rules as they were', async () => {
    const world = current()
    const rule = (port: number) => ({
      direction: 'ingress',
      protocol: 'tcp',
      from_port: port,
      to_port: port,
      cidrs: ['0.0.0.0/0'],
    })
    const made = await world.post('/security-groups', {
      provider_id: 'cloud-1',
      name: 'steady',
      rules: [rule(443)],
    })
    const path = `/security-groups/${String(made.body['security_group']?.['id'])}`
    world.cloud.inject({ operation: world.dialect.setRules, mode: 'error', ...world.dialect.forbidden })
    const { body } = await world.put(`${path}/rules`, { rules: [rule(22)] })
    expect(body['job']).toMatchObject({ state: 'failed', problem: { code: 'forbidden' }, residue: [] })
    const cloud = await world.open()
    const ref = { region: world.dialect.region, id: String(made.body['security_group']?.['cloud_id']) }
    const rules = (await cloud.networks.securityGroups.get(ref))?.rules ?? []
    expect(rules.filter(({ direction }) => direction === 'ingress').map(({ fromPort }) => fromPort)).toEqual([
      443,
    ])
    await world.delete(path)
  })
}
