import { connectTo } from './lab.ts'
import { createVolumes } from '#shared/clouds/onprem/libvirt/volumes/volumes.ts'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'

// A worker that backs up the disk of a running machine, says when the guest is frozen, and dies when the copy is about to begin.
const [uri = '', volume = '', target = '', machine = ''] = process.argv.slice(2)
const host = connectTo(uri, async ({ operation }, send) => {
  if (operation !== 'virsh backup-begin') {
    const answer = await send()
    if (operation === 'virsh domfsfreeze') process.stdout.write('frozen\n')
    return answer
  }
  process.kill(process.pid, 'SIGKILL')
  return new Promise<never>(() => undefined)
})
const refOf = (text: string) => JSON.parse(text) as VolumeRef
await createVolumes(host).backup(refOf(volume), refOf(target), { machine })
