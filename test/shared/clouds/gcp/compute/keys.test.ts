import { expect, test } from 'vitest'
import { openGcp } from '#shared/clouds/gcp/gcp.ts'
import { intentOf, newJob } from '#test/shared/clouds/conformance/subject.ts'
import { openParts } from '#test/shared/clouds/gcp/parts.ts'
import { region, settingsFor } from '#test/shared/clouds/gcp/subject.ts'

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGyVBPhWxxKlTGWCgPbfFmKjNBHJyrYuJrQeMcmkUJHt ops@example.com'

test('a key pair is one public key: a name or a second line is refused before anything is made', async () => {
  const { loopback } = await openParts()
  const cloud = await openGcp(settingsFor(loopback))
  const create = (keyPair: string) =>
    cloud.compute.create({
      ...intentOf(newJob()),
      region,
      name: 'keyed',
      instanceType: 'e2-small',
      boot: { image: undefined },
      keyPair,
    })
  loopback.clearCalls()
  for (const wrong of ['production-key', `${key}\nroot:${key}`, '-----BEGIN RSA PRIVATE KEY-----'])
    await expect(create(wrong)).rejects.toMatchObject({
      code: 'invalid_request',
      remedy: expect.stringContaining('ssh-ed25519') as string,
    })
  expect(loopback.calls()).toEqual([])
  expect(await create(key)).toMatchObject({ region })
  cloud.close()
})
