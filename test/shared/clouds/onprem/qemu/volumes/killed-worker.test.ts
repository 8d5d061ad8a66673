import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { contentOf, fill, mebibyte, openLab, qcow2 } from './lab.ts'

for (const what of ['sink', 'source', 'copy', 'backup'])
  test(`when a worker with a ${what} is killed, what served it ends by itself, and the next worker does it again`, async (context) => {
    const { volumes, host, leftovers } = await openLab(context)
    const [volume, other] = [qcow2('vol-1', 'volume/vol-1'), qcow2('vol-2', 'volume/vol-1')]
    await volumes.create(volume, { sizeBytes: 4 * mebibyte })
    await fill(volumes, volume, mebibyte, mebibyte)
    const script = join(import.meta.dirname, 'hold.ts')
    const worker = spawn(process.execPath, [script, host.layout.folder, what], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void worker.kill('SIGKILL'))
    await Promise.race([once(worker.stdout, 'data'), once(worker, 'exit')])
    expect(worker.exitCode).toBeNull()
    // A copy stands still after its program has ended.
    expect((await leftovers()).length > 0).toBe(what !== 'copy')
    worker.kill('SIGKILL')
    await expect.poll(leftovers, { timeout: 10_000 }).toEqual([])

    const source = await volumes.openSource(volume)
    expect((await source.read({ offset: 65_536, length: 1 }))[0]).toBe(what === 'sink' ? 7 : 0)
    await source.close()
    if (what === 'copy') await volumes.copy(volume, other)
    else await volumes.backup(volume, other, {})
    expect(await contentOf(volumes, other)).toBe(await contentOf(volumes, volume))
    expect((await volumes.list('default')).map(({ name }) => name)).toEqual([volume.name, other.name])
  })
