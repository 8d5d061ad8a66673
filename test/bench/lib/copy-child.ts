import { contentDigest, verifyDisk } from '#shared/disks/verify.ts'
import { copyDisk } from '#shared/disks/copy.ts'
import { fileJournal } from '#shared/disks/journal.ts'
import { openRawSink, openRawSource } from '#shared/disks/raw.ts'

/** What one verified copy tells. */
export interface CopyRun {
  /** Everything, from opening the files until the destination is proved. */
  seconds: number
  copySeconds: number
  verifySeconds: number
  cpuSeconds: number
  bytesWritten: number
  sourceDigest: string
  destinationDigest: string
  mismatches: number
  peakRssBytes: number
}

// One verified copy in a process of its own, so that its peak memory is its own: SOURCE DESTINATION JOURNAL.
const [sourcePath = '', sinkPath = '', journalPath = ''] = process.argv.slice(2)
// Many lanes, so that one fdatasync of the journal serves many chunks.
const slots = 64
const { signal } = new AbortController()

const startedAt = performance.now()
const startedCpu = process.cpuUsage()
const source = await openRawSource(sourcePath)
const sink = await openRawSink(sinkPath, { sizeBytes: source.sizeBytes, create: true })
const journal = fileJournal(journalPath)
const copied = await copyDisk({ source, sink, journal, slots, signal })
const copiedAt = performance.now()
const readBack = await openRawSource(sinkPath)
const verified = await verifyDisk({ source: readBack, manifest: copied.manifest, slots: 16, signal })
const sourceDigest = await contentDigest(copied.manifest)
const endedAt = performance.now()
await Promise.all([source.close(), sink.close(), readBack.close(), journal.close()])

const { user, system } = process.cpuUsage(startedCpu)
const result: CopyRun = {
  seconds: (endedAt - startedAt) / 1000,
  copySeconds: (copiedAt - startedAt) / 1000,
  verifySeconds: (endedAt - copiedAt) / 1000,
  cpuSeconds: (user + system) / 1e6,
  bytesWritten: copied.bytesWritten,
  sourceDigest,
  destinationDigest: verified.digest,
  mismatches: verified.mismatches.length,
  peakRssBytes: process.resourceUsage().maxRSS * 1024,
}
process.stdout.write(JSON.stringify(result))
