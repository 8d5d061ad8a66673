import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CloudSettings } from '#shared/clouds/port.ts'
import { checkoutFolder } from '#shared/services/state.ts'
import { startAws } from '#test/clouds/aws/server.ts'
import { startAzure } from '#test/clouds/azure/server.ts'
import type { StartedCloud } from '#test/clouds/core/types.ts'
import { startGcp } from '#test/clouds/gcp/server.ts'
import { loadedModules, recordModules } from '#test/setup/loaded-modules.ts'
import { childEnv } from '#test/setup/child-env.ts'

const starters = {
  aws: (dir: string) => startAws({ dir, boot: false }),
  azure: (dir: string) => startAzure({ dir, boot: false }),
  gcp: (dir: string) => startGcp({ dir, boot: false }),
}

/** The packages of services, apart from what they share. */
const services = {
  aws: /^@aws-sdk\/client-/,
  azure: /^@azure\/(arm-|storage-blob$)/,
  gcp: /^@google-cloud\//,
}
/** What listing VMs needs. */
const forMachines = {
  aws: ['@aws-sdk/client-ec2'],
  azure: ['@azure/arm-compute', '@azure/arm-network'],
  gcp: ['@google-cloud/compute'],
}

/** Opens an adapter and lists VMs if that is wished. Settings and region come in by the environment. */
const program = `
  const { openCloud } = await import('#shared/clouds/registry.ts')
  const { settings, list } = JSON.parse(process.env.TASK)
  const cloud = await openCloud(settings)
  if (list) for await (const vm of cloud.compute.list({ region: settings.regions[0] })) console.log(vm.id)
  cloud.close()
  process.exit(0)`

describe.each(Object.keys(starters) as (keyof typeof starters)[])('the adapter of %s', (type) => {
  let loopback: StartedCloud
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'novacron-lazy-'))
    loopback = await starters[type](dir)
  })
  afterAll(async () => {
    await loopback?.close()
    await rm(dir, { recursive: true, force: true })
  })

  /** The packages of services that a process loads which does this. */
  const packagesFor = async (task: { list: boolean }): Promise<string[]> => {
    const settings: CloudSettings = {
      providerId: `${type}-lazy`,
      type,
      credentials: loopback.credentials,
      regions: loopback.regions,
      defaultRegion: loopback.regions[0],
      endpoints: loopback.endpoints,
      options: loopback.options,
      workerId: 'worker-7f3a',
    }
    const child = spawn(process.execPath, [...recordModules, '--input-type=module', '-e', program], {
      cwd: checkoutFolder,
      env: childEnv({ TASK: JSON.stringify({ settings, ...task }) }),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    const output = await text(child.stdout)
    expect(await exited).toEqual([0, null])
    const packages = loadedModules(output).flatMap((url) => packageOf(url) ?? [])
    return [...new Set(packages)].filter((name) => services[type].test(name)).toSorted()
  }

  test('loads the SDK of no service by being opened, and of machines alone to list them', async () => {
    expect(await packagesFor({ list: false })).toEqual([])
    expect(await packagesFor({ list: true })).toEqual(forMachines[type])
    expect(loopback.calls().length).toBeGreaterThan(0)
  })
})

/** `@scope/name` of a module's url; the innermost, where packages hold packages. */
const packageOf = (url: string): string | undefined => /.*\/node_modules\/(@[^/]+\/[^/]+)\//.exec(url)?.[1]
