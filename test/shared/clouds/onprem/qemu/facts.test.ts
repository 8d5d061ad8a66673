import { expect, test } from 'vitest'
import { readFacts } from '#shared/clouds/onprem/qemu/facts.ts'
import { translated } from '#shared/clouds/onprem/qemu/translated.ts'
import { openHostAt } from '#test/clouds/onprem/open-host.ts'

test.each([
  ['/proc/novacron', '/proc/novacron'],
  ['/dev/null/novacron', '/dev/null'],
])(
  'a host whose folder %s cannot be made is no healthy one, and says what to set',
  async (folder, inTheWay) => {
    const { host } = openHostAt(folder)
    const { facts } = translated(host, { facts: () => readFacts(host) })
    await expect(facts()).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining(`'${inTheWay}'`) as string,
      remedy: expect.stringContaining('folder') as string,
    })
  },
)
