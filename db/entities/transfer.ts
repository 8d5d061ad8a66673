import { defineEntity, p } from '@mikro-orm/core'

/** One disk being copied, with the grid that its chunks are numbered on. */
export const DiskTransferSchema = defineEntity({
  name: 'DiskTransfer',
  tableName: 'disk_transfers',
  properties: {
    id: p.text().primary(),
    sizeBytes: p.bigint('number'),
    chunkBytes: p.integer(),
    createdAt: p.datetime(3).defaultRaw('now()'),
  },
})

export class DiskTransfer extends DiskTransferSchema.class {}
DiskTransferSchema.setClass(DiskTransfer)

/** One chunk that the sink holds. `sha256` is null for a chunk of zeros that was skipped. */
export const CopiedChunkSchema = defineEntity({
  name: 'CopiedChunk',
  tableName: 'copied_chunks',
  properties: {
    transferId: () =>
      p.manyToOne(DiskTransfer).mapToPk().primary().joinColumn('transfer_id').deleteRule('cascade'),
    chunk: p.integer().primary(),
    sha256: p.blob().nullable(),
  },
})

export class CopiedChunk extends CopiedChunkSchema.class {}
CopiedChunkSchema.setClass(CopiedChunk)
