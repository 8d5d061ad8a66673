import { createHash } from 'node:crypto'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import { createVolumes } from '#shared/clouds/onprem/qemu/volumes/volumes.ts'
import { openHostAt } from '#test/clouds/onprem/open-host.ts'

// A worker that has volumes open when it is killed: FOLDER WHAT, where WHAT is `sink`, `source`, `copy` or `backup`. Says so in a line.
const [folder = '', what = ''] = process.argv.slice(2)
const { host, tap } = openHostAt(folder)
const volumes = createVolumes(host)
const named = (name: string): VolumeRef => ({
  pool: 'default',
  name,
  format: 'qcow2',
  keyName: 'volume/vol-1',
})
const [volume, other] = [named('vol-1.qcow2'), named('vol-2.qcow2')]

if (what === 'sink') {
  const sink = await volumes.openSink(volume)
  const data = Buffer.alloc(65_536, 7)
  await sink.write({ offset: 65_536, data, sha256: createHash('sha256').update(data).digest() })
}
if (what === 'source') await volumes.openSource(volume)
if (what === 'copy' || what === 'backup') {
  // Stands still when all has been copied.
  tap.inject({ operation: what === 'copy' ? 'rename' : 'blockdev-del', mode: 'hold' })
  const work = what === 'copy' ? volumes.copy(volume, other) : volumes.backup(volume, other, {})
  work.catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
  const isHeld = (operation: string) => tap.calls().some((call) => call.operation === operation)
  while (!isHeld(what === 'copy' ? 'rename' : 'blockdev-del'))
    await new Promise((resolve) => setTimeout(resolve, 5))
}
process.stdout.write('held\n')
setInterval(() => undefined, 1000)
