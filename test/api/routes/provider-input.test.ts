import { afterAll, beforeAll, expect, test } from 'vitest'
import { awsProvider, openHarness, type Client, type Harness } from '../harness.ts'

let api: Harness
let admin: Client
beforeAll(async () => {
  api = await openHarness()
  admin = await api.as('acme', 'admin')
})
afterAll(() => api.close())

const onPremise = {
  provider_id: 'home',
  type: 'on-premise',
  config: {
    credentials: { volume_key: Buffer.alloc(32, 7).toString('base64') },
    options: {
      driver: 'libvirt',
      hosts: [{ name: 'kvm-1', location: 'basement', uri: 'qemu+ssh://nova@kvm-1.example.com/system' }],
    },
  },
}
const awsWith = (credentials: object) => ({
  ...awsProvider,
  provider_id: 'a',
  config: { ...awsProvider.config, credentials: { ...awsProvider.config.credentials, ...credentials } },
})
const withHost = (host: object, driver = 'libvirt') => ({
  ...onPremise,
  provider_id: 'home-2',
  config: {
    ...onPremise.config,
    options: { driver, hosts: [{ name: 'kvm-1', location: 'basement', ...host }] },
  },
})

test('an on-premise provider has its hosts’ locations as regions, and its keys are never shown', async () => {
  const client = await api.as('at-home', 'admin')
  const answer = await client.post('/providers', onPremise)
  expect(answer.status).toBe(201)
  const shown = await client.get('/providers/home')
  expect(shown.body).toMatchObject({ type: 'on-premise', config: { regions: ['basement'] } })
  expect(shown.text).not.toContain(onPremise.config.credentials.volume_key)
})

test.for([
  ['an access key id that was cut short', awsWith({ access_key_id: 'AKIA' }), 'access_key_id'],
  [
    'a private key that is none',
    {
      provider_id: 'g',
      type: 'gcp',
      config: {
        regions: ['us-central1'],
        credentials: {
          project_id: 'p',
          client_email: 'a@b',
          private_key: '-----BEGIN PRIVATE KEY-----\nsEcReT',
        },
      },
    },
    'private_key',
  ],
  [
    'a volume key of too few bytes, with which disks would be all but open',
    { ...onPremise, config: { ...onPremise.config, credentials: { volume_key: 'sEcReT' } } },
    'volume_key',
  ],
] as const)('registering with %s is refused without repeating it', async ([, body, field]) => {
  const answer = await admin.post('/providers', body)
  expect(answer.status).toBe(422)
  expect(answer.body['errors']).toMatchObject([
    { field: `config.credentials.${field}`, reason: expect.stringMatching(/^is not /) as string },
  ])
  expect(answer.text).not.toContain('sEcReT')
})

test('what is wrong with a host is told in words', async () => {
  const answer = await admin.post('/providers', withHost({ location: 7, folder: '/srv/a' }, 'quemu'))
  expect(answer.body['errors']).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ field: 'config.options.driver', reason: 'must be one of: qemu, libvirt' }),
      expect.objectContaining({ field: 'config.options.hosts[0].location', reason: 'must be a text' }),
    ]),
  )
})

test.for([
  ['a host without the address its driver needs', withHost({}), 'config.options.hosts[0].uri'],
  [
    'an address that would run a program here',
    withHost({ uri: 'qemu+ssh://kvm-1/system?command=/tmp/evil' }),
    'config.options.hosts[0].uri',
  ],
  [
    'an address that ssh would take for an option',
    withHost({ uri: 'qemu+ssh://-oProxyCommand=evil/system' }),
    'config.options.hosts[0].uri',
  ],
  ['a hypervisor of this machine', withHost({ uri: 'qemu:///system' }), 'config.options.hosts[0].uri'],
  ['a folder of this machine', withHost({ folder: '/srv/vms' }, 'qemu'), 'config.options.hosts[0].folder'],
  [
    'an object store of this network',
    {
      ...onPremise,
      config: {
        ...onPremise.config,
        options: { ...onPremise.config.options, object_store: { endpoint: 'https://169.254.169.254/' } },
      },
    },
    'config.options.object_store.endpoint',
  ],
  [
    'a region where no host is',
    { ...onPremise, config: { ...onPremise.config, regions: ['attic'] } },
    'config.regions',
  ],
] as const)('registering on-premise with %s names the field', async ([, body, field]) => {
  const client = await api.as('at-home', 'admin')
  const answer = await client.post('/providers', body)
  expect(answer.status).toBe(422)
  expect(answer.body['errors']).toContainEqual(expect.objectContaining({ field }))
})
