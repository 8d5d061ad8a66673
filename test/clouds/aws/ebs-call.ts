import type { PlainReply } from '#test/clouds/core/server.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import type { Region, World } from '#test/clouds/aws/world.ts'

/** One call of the EBS direct APIs, read from its path. */
export interface EbsCall {
  world: World
  region: Region
  snapshotId: string
  blockIndex: number
  query: ReadonlyMap<string, string>
  headers: Readonly<Record<string, string>>
  body: Buffer
  /** `corrupt_read` and `corrupt_stored` are done by the call itself. */
  fault: Fault | undefined
}

export const json = (status: number, value: object): PlainReply => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
})
