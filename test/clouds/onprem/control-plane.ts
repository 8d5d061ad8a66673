import { guestMachine, guestVolume } from '#test/clouds/onprem/guest-volume.ts'
import { openHostAt } from '#test/clouds/onprem/open-host.ts'

// node control-plane.ts FOLDER ID…: brings machines with these ids up on the host in a folder, whatever an earlier run left, four at a time, and
// prints `up ID` for each. A process to be killed.

const [folder = '', ...ids] = process.argv.slice(2)
const { host, machines } = openHostAt(folder)
await host.ready()

const waiting = [...ids]
await Promise.all(Array.from({ length: 4 }, work))

async function work(): Promise<void> {
  for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
    const there = await machines.spec(id)
    if (!there)
      await machines.define(guestMachine(await guestVolume(host, { unique: id, name: `vol-${id}` }), { id }))
    await machines.start(id)
    console.log(`up ${id}`)
  }
}
