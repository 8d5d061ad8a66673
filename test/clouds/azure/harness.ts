import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { createRaw, type Raw } from '#test/clouds/azure/raw.ts'
import { startAzure, type AzureOptions } from '#test/clouds/azure/server.ts'
import type { StartedCloud } from '#test/clouds/core/types.ts'

export const compute = 'api-version=2026-04-01'
export const storage = 'api-version=2026-03-02'
export const networking = 'api-version=2026-01-01'
export const resources = 'api-version=2022-12-01'
export const resourceGroups = 'api-version=2025-04-01'

export interface Bare {
  cloud: StartedCloud
  raw: Raw
}

/** A loopback Azure where everything is done at once, with the resource group `g`; for all tests of a file. */
export function bareAzure(options: Partial<AzureOptions> = {}): Bare {
  const bare = {} as Bare
  let dir = ''
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'novacron-azure-'))
    const instant = {
      vmCreate: 0,
      vmStart: 0,
      vmStop: 0,
      vmDelete: 0,
      snapshot: 0,
      disk: 0,
      network: 0,
      access: 0,
    }
    bare.cloud = await startAzure({ dir, boot: false, delaysMs: instant, ...options })
    bare.raw = createRaw(bare.cloud)
    await bare.raw.arm('PUT', `/resourceGroups/g?${resourceGroups}`, { location: 'eastus' })
  })
  afterAll(async () => {
    bare.raw.close()
    await bare.cloud.close()
    await rm(dir, { recursive: true, force: true })
  })
  return bare
}

export const diskPath = (name: string, action = ''): string =>
  `/resourceGroups/g/providers/Microsoft.Compute/disks/${name}${action}?${storage}`

/** An upload disk of `mebibytes`, and the address to write it at. */
export async function uploadDisk({ raw }: Bare, name: string, mebibytes = 20): Promise<string> {
  const made = await raw.arm('PUT', diskPath(name), {
    location: 'eastus',
    properties: {
      creationData: { createOption: 'Upload', uploadSizeBytes: mebibytes * 2 ** 20 + 512 },
      hyperVGeneration: 'V1',
    },
  })
  if (made.status !== 202) throw new Error(made.text)
  return grant({ raw }, diskPath(name, '/beginGetAccess'), 'Write')
}

export async function grant({ raw }: Pick<Bare, 'raw'>, path: string, access: string): Promise<string> {
  const reply = await raw.arm('POST', path, { access, durationInSeconds: 60 })
  if (reply.status !== 202) throw new Error(reply.text)
  const result = await raw.arm('GET', underSubscription(reply.headers['location']))
  return String(result.json['accessSAS'])
}

/** The path below the subscription of an operation's address. */
export function underSubscription(address: string | string[] | undefined): string {
  const { pathname, search } = new URL(String(address))
  return (
    pathname
      .split('/')
      .slice(3)
      .map((part) => `/${part}`)
      .join('') + search
  )
}

/** Revokes access and gives what the operation came to. */
export async function revoke({ raw }: Pick<Bare, 'raw'>, name: string): Promise<Record<string, unknown>> {
  const reply = await raw.arm('POST', diskPath(name, '/endGetAccess'))
  return (await raw.arm('GET', underSubscription(reply.headers['azure-asyncoperation']))).json
}
