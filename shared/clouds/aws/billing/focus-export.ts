import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { z } from 'zod'
import type { FocusRow, ObjectsFacet } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { readCsv } from '#shared/clouds/aws/billing/csv.ts'
import { toFocusRow } from '#shared/clouds/aws/billing/focus-row.ts'

/** Where a data export arrives; `prefix` up to and with the export's name. */
export interface FocusExport {
  region: string
  bucket: string
  prefix: string
}

/**
 * Rows of the account's FOCUS 1.2 export: for each month the files that its manifest names. AWS Data Exports User Guide, "Understanding your
 * export deliveries".
 */
export async function* focusExportRows(
  objects: ObjectsFacet,
  place: FocusExport,
  { from, to }: { from: Date; to: Date },
): AsyncGenerator<FocusRow> {
  for (const month of monthsIn(from, to)) {
    for (const key of await dataFiles(objects, place, month)) {
      for await (const row of readRows(objects, place, key)) {
        if (row.ChargePeriodStart >= from && row.ChargePeriodStart < to) yield row
      }
    }
  }
}

async function dataFiles(objects: ObjectsFacet, place: FocusExport, month: string): Promise<string[]> {
  const bucket = { region: place.region, id: place.bucket }
  const root = place.prefix.replace(/\/$/, '')
  const manifests: { key: string; modifiedAt: Date }[] = []
  for await (const object of objects.list(bucket, { prefix: `${root}/metadata/BILLING_PERIOD=${month}/` })) {
    if (object.key.endsWith('Manifest.json')) manifests.push(object)
  }
  // A month that was written anew has a manifest for each time.
  const [newest] = manifests.toSorted((a, b) => b.modifiedAt.getTime() - a.modifiedAt.getTime())
  if (newest === undefined) return []
  const text = Buffer.concat(await Array.fromAsync(objects.read(bucket, { key: newest.key }))).toString()
  const parsed = manifest.safeParse(safeJson(text))
  if (!parsed.success) throw unreadable(place, newest.key, 'it names no data files')
  return parsed.data.dataFiles.map((file) => file.replace(/^s3:\/\/[^/]+\//, ''))
}

const manifest = z.object({ dataFiles: z.array(z.string()) })

async function* readRows(objects: ObjectsFacet, place: FocusExport, key: string): AsyncGenerator<FocusRow> {
  try {
    for await (const record of readRecords(objects, place, key)) yield toFocusRow(record)
  } catch (error) {
    // What zlib and JSON say of bytes; everything else is the cloud's or the caller's.
    const { code } = error as { code?: string }
    const damaged =
      error instanceof SyntaxError || (error instanceof Error && code?.startsWith('Z_') === true)
    throw damaged ? unreadable(place, key, error.message) : error
  }
}

function readRecords(objects: ObjectsFacet, place: FocusExport, key: string) {
  const bytes = Readable.from(objects.read({ region: place.region, id: place.bucket }, { key }))
  if (!key.endsWith('.csv.gz')) throw unreadable(place, key, 'it is not CSV with gzip')
  const gunzip = createGunzip()
  bytes.once('error', (error) => gunzip.destroy(error))
  return readCsv(bytes.pipe(gunzip).setEncoding('utf8') as AsyncIterable<string>)
}

const unreadable = ({ bucket }: FocusExport, key: string, reason: string) =>
  new CloudError(`The FOCUS export file ${key} in ${bucket} cannot be read: ${reason}.`, {
    cloud: 'aws',
    operation: 'GetObject',
    code: 'invalid_request',
    remedy:
      'Create the data export as “FOCUS 1.2”, text/csv with gzip, and name its folder in options.focus_export.',
  })

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function monthsIn(from: Date, to: Date): string[] {
  const months: string[] = []
  for (let at = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth(), 1)); at < to;) {
    months.push(at.toISOString().slice(0, 7))
    at = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1))
  }
  return months
}
