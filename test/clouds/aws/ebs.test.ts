import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { manualClock } from '#test/clouds/core/clock.ts'
import { instant, openRaw, refusalOf, rootVolume, runOne, until, type RawAws } from '#test/clouds/aws/raw.ts'

const blockBytes = 512 * 1024
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest()

let raw: RawAws
beforeAll(async () => {
  raw = await openRaw()
})
afterAll(() => raw.close())

const start = async (more: object = {}): Promise<string> =>
  (await raw.ebs.startSnapshot({ VolumeSize: 1, ...more })).SnapshotId ?? ''

const block = (SnapshotId: string, BlockIndex: number, data = randomBytes(blockBytes)) => ({
  SnapshotId,
  BlockIndex,
  BlockData: data,
  DataLength: data.length,
  Checksum: sha256(data).toString('base64'),
  ChecksumAlgorithm: 'SHA256' as const,
})

const completed = (SnapshotId: string) =>
  until(
    async () =>
      (await raw.ec2.describeSnapshots({ SnapshotIds: [SnapshotId] })).Snapshots?.[0]?.State === 'completed',
  )

describe('writing', () => {
  test('what was put is listed and read back, block by block', async () => {
    const id = await start()
    const data = [randomBytes(blockBytes), randomBytes(blockBytes)] as const
    await raw.ebs.putSnapshotBlock(block(id, 2047, data[1]))
    await raw.ebs.putSnapshotBlock(block(id, 3, data[0]))
    const Checksum = sha256(Buffer.concat(data.map(sha256))).toString('base64')
    await raw.ebs.completeSnapshot({
      SnapshotId: id,
      ChangedBlocksCount: 2,
      Checksum,
      ChecksumAlgorithm: 'SHA256',
      ChecksumAggregationMethod: 'LINEAR',
    })
    await completed(id)
    const { Blocks = [], VolumeSize, BlockSize } = await raw.ebs.listSnapshotBlocks({ SnapshotId: id })
    expect([VolumeSize, BlockSize]).toEqual([1, blockBytes])
    expect(Blocks.map((each) => each.BlockIndex)).toEqual([3, 2047])
    for (const [nr, { BlockIndex, BlockToken }] of Blocks.entries()) {
      const { BlockData, Checksum: own } = await raw.ebs.getSnapshotBlock({
        SnapshotId: id,
        BlockIndex,
        BlockToken,
      })
      const bytes = Buffer.from((await BlockData?.transformToByteArray()) ?? [])
      expect(bytes.equals(data[nr] ?? Buffer.alloc(0))).toBe(true)
      expect(own).toBe(sha256(bytes).toString('base64'))
    }
    await raw.ec2.deleteSnapshot({ SnapshotId: id })
  })

  test('a block with a wrong checksum, length or place is refused and changes nothing', async () => {
    const id = await start()
    const good = block(id, 0)
    for (const bad of [
      { ...good, Checksum: sha256(Buffer.from('other')).toString('base64') },
      { ...block(id, 0, randomBytes(4096)) },
      { ...good, DataLength: 4096 },
      { ...good, BlockIndex: 2048 },
      { ...good, SnapshotId: 'snap-0123456789abcdef' },
    ]) {
      expect(await refusalOf(raw.ebs.putSnapshotBlock(bad))).toBe('ValidationException')
    }
    expect(await refusalOf(raw.ebs.putSnapshotBlock({ ...good, SnapshotId: 'snap-0123456789abcdef0' }))).toBe(
      'ResourceNotFoundException',
    )
    await raw.ebs.completeSnapshot({ SnapshotId: id, ChangedBlocksCount: 0 })
    await completed(id)
    expect((await raw.ebs.listSnapshotBlocks({ SnapshotId: id })).Blocks).toEqual([])
  })

  test('completing checks the count and the aggregate checksum, and ends the writing', async () => {
    const id = await start()
    await raw.ebs.putSnapshotBlock(block(id, 0))
    const checksum = { ChecksumAlgorithm: 'SHA256' as const, ChecksumAggregationMethod: 'LINEAR' as const }
    const complete = (more: object) =>
      raw.ebs.completeSnapshot({ SnapshotId: id, ChangedBlocksCount: 1, ...more })
    expect(await refusalOf(complete({ ChangedBlocksCount: 2 }))).toBe('ValidationException')
    const wrong = sha256(Buffer.from('wrong')).toString('base64')
    expect(await refusalOf(complete({ ...checksum, Checksum: wrong }))).toBe('ValidationException')
    await complete({})
    await completed(id)
    expect(await refusalOf(raw.ebs.putSnapshotBlock(block(id, 1)))).toBe('ValidationException')
  })

  test('the same client token gives the same snapshot, other parameters a conflict', async () => {
    const ClientToken = 'one-import'
    const id = await start({ ClientToken })
    expect(await start({ ClientToken })).toBe(id)
    expect(await refusalOf(start({ ClientToken, VolumeSize: 2 }))).toBe('ConflictException')
  })

  test.for([
    { VolumeSize: 0 },
    { Timeout: 5 },
    { ParentSnapshotId: 'snap-xyz' },
    { Tags: [{ Key: '', Value: '' }] },
  ])('a start with %o is refused', async (more) => {
    expect(await refusalOf(start(more))).toBe('ValidationException')
  })
})

describe('reading', () => {
  test('a pending snapshot is not read', async () => {
    const id = await start()
    expect(await refusalOf(raw.ebs.listSnapshotBlocks({ SnapshotId: id }))).toBe('ValidationException')
  })

  test('a block is read only with its own token, and only as long as the token lives', async () => {
    const clock = manualClock(Date.now())
    const brief = await openRaw({ clock, delaysMs: { ...instant, blockToken: 60_000 } })
    const volume = await rootVolume(brief, await runOne(brief))
    const { SnapshotId } = await brief.ec2.createSnapshot({ VolumeId: volume })
    const { Blocks = [] } = await brief.ebs.listSnapshotBlocks({ SnapshotId })
    const [first, second] = Blocks
    const get = (BlockIndex: number | undefined, BlockToken: string | undefined) =>
      brief.ebs.getSnapshotBlock({ SnapshotId, BlockIndex, BlockToken })
    expect(await refusalOf(get(first?.BlockIndex, second?.BlockToken))).toBe('ValidationException')
    expect(await refusalOf(get(first?.BlockIndex, 'made-up'))).toBe('ValidationException')
    clock.advance(60_000)
    await get(first?.BlockIndex, first?.BlockToken)
    clock.advance(1)
    expect(await refusalOf(get(first?.BlockIndex, first?.BlockToken))).toBe('ValidationException')
    await brief.close()
  })

  test('page sizes are honoured and made-up page tokens are refused', async () => {
    const { SnapshotId } = await raw.ec2.createSnapshot({
      VolumeId: await rootVolume(raw, await runOne(raw)),
    })
    const list = (more: object) => raw.ebs.listSnapshotBlocks({ SnapshotId, ...more })
    expect(await refusalOf(list({ MaxResults: 99 }))).toBe('ValidationException')
    expect(await refusalOf(list({ NextToken: 'made-up' }))).toBe('ValidationException')
    expect((await list({ StartingBlockIndex: 1 })).Blocks?.[0]?.BlockIndex).toBeGreaterThan(0)
  })

  test('a snapshot is of one point in time', async () => {
    const id = await start()
    const before = randomBytes(blockBytes)
    await raw.ebs.putSnapshotBlock(block(id, 0, before))
    await raw.ebs.completeSnapshot({ SnapshotId: id, ChangedBlocksCount: 1 })
    await completed(id)
    // A volume of it, whose snapshot does not change when the first snapshot goes.
    const { VolumeId } = await raw.ec2.createVolume({ AvailabilityZone: 'us-east-1a', SnapshotId: id })
    const { SnapshotId } = await raw.ec2.createSnapshot({ VolumeId })
    await raw.ec2.deleteSnapshot({ SnapshotId: id })
    await raw.ec2.deleteVolume({ VolumeId })
    await completed(SnapshotId ?? '')
    const { Blocks = [] } = await raw.ebs.listSnapshotBlocks({ SnapshotId })
    const { BlockData } = await raw.ebs.getSnapshotBlock({
      SnapshotId,
      BlockIndex: 0,
      BlockToken: Blocks[0]?.BlockToken,
    })
    expect(Buffer.from((await BlockData?.transformToByteArray()) ?? []).equals(before)).toBe(true)
  })
})
