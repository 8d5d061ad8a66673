import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import { createVolumes } from '#shared/clouds/onprem/libvirt/volumes/volumes.ts'
import { sha256 } from '#shared/disks/hash.ts'
import { connectTo } from './lab.ts'

// A worker that fills a volume of 4 MiB with sevens, says so, and keeps it open until it is killed.
const [uri = '', volume = ''] = process.argv.slice(2)
const sink = await createVolumes(connectTo(uri)).openSink(JSON.parse(volume) as VolumeRef)
const data = Buffer.alloc(sink.sizeBytes, 7)
await sink.write({ offset: 0, data, sha256: await sha256(data) })
process.stdout.write('written\n')
setInterval(() => undefined, 60_000)
