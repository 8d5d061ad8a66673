import { setTimeout as sleep } from 'node:timers/promises'
import { copyDisk } from '#shared/disks/copy.ts'
import { fileJournal } from '#shared/disks/journal.ts'
import { openRawSink, openRawSource } from '#shared/disks/raw.ts'

// A copy in a process of its own, to be killed: SOURCE DESTINATION JOURNAL SLOTS. Says how many bytes are done.
const [sourcePath = '', sinkPath = '', journalPath = '', slots = ''] = process.argv.slice(2)
const source = await openRawSource(sourcePath)
const sink = await openRawSink(sinkPath, { sizeBytes: source.sizeBytes, create: true })
await copyDisk({
  source,
  sink: {
    ...sink,
    async write(chunk, signal) {
      await sink.write(chunk, signal)
      // Longer than the journal takes, so that a kill mostly meets chunks that are written and not recorded.
      await sleep(5)
    },
  },
  journal: fileJournal(journalPath),
  slots: Number(slots),
  chunkBytes: 65_536,
  signal: new AbortController().signal,
  onProgress: (bytesDone) => process.stdout.write(`${bytesDone}\n`),
})
