import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HypervisorHost } from '#shared/clouds/onprem/host.ts'
import { findLibvirt, startLibvirtDaemon, type LibvirtDaemon } from '#test/clouds/libvirt/daemon.ts'
import { openTestHost } from '#test/clouds/libvirt/host.ts'

const libvirt = findLibvirt()
const reason = 'reason' in libvirt ? ` (skipped: ${libvirt.reason})` : ''

describe.skipIf(reason)(`records that libvirt keeps${reason}`, () => {
  let daemon: LibvirtDaemon
  let workers: HypervisorHost[]
  beforeAll(async () => {
    daemon = await startLibvirtDaemon()
    workers = Array.from({ length: 3 }, () => openTestHost(daemon))
  })
  afterAll(async () => {
    for (const worker of workers) worker.close()
    await daemon.close()
  })
  const worker = (index: number): HypervisorHost => {
    const found = workers[index % workers.length]
    if (!found) throw new Error('no worker')
    return found
  }

  test('any text comes back as it was, on every worker, and after the daemon was restarted', async () => {
    const body = { text: 'é \u0000\n"<&>]]> \u{1F600}\uFFFF\uD800', number: 1.5, list: [null, true] }
    await worker(0).records.put('vm', 'a-1', body)
    expect(await worker(1).records.get('vm', 'a-1')).toEqual(body)
    await daemon.restart()
    expect(await worker(2).records.list('vm')).toEqual([{ id: 'a-1', body }])
    expect(await worker(2).records.get('vm', 'a')).toBeUndefined()
    await worker(2).records.remove('vm', 'a-1')
    await worker(2).records.remove('vm', 'a-1')
  })

  test('of many who insert the same at once, one does, also while others replace and remove', async () => {
    for (let round = 0; round < 5; round++) {
      const done = await Promise.all(
        Array.from({ length: 6 }, (_, index) => worker(index).records.insert('vm', `b-${round}`, { index })),
      )
      expect(done.filter(Boolean)).toHaveLength(1)
      expect(await worker(0).records.get('vm', `b-${round}`)).toEqual({ index: done.indexOf(true) })
      await worker(1).records.put('vm', `b-${round}`, { index: 'replaced' })
      expect(await worker(2).records.insert('vm', `b-${round}`, {})).toBe(false)
      expect(await worker(0).records.get('vm', `b-${round}`)).toEqual({ index: 'replaced' })
      await worker(0).records.remove('vm', `b-${round}`)
    }
    expect(await worker(0).records.list('vm')).toEqual([])
  })

  test('who replaces a record at the same time as others leaves one whole record, and readers see a whole one all the while', async () => {
    const pad = 'x'.repeat(5_000)
    await worker(0).records.put('vm', 'c', { index: -1, pad })
    let writing = true
    const reads = (async () => {
      while (writing) expect(await worker(2).records.get('vm', 'c')).toMatchObject({ pad })
    })()
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => worker(index % 2).records.put('vm', 'c', { index, pad })),
    )
    writing = false
    await reads
    const all = await worker(0).records.list('vm')
    expect(all).toHaveLength(1)
    expect(all[0]?.body).toMatchObject({ pad })
  })

  test('what a caller was given is a copy', async () => {
    await worker(0).records.put('vm', 'd', { tags: { a: '1' } })
    const mine = (await worker(0).records.get('vm', 'd')) as { tags: Record<string, string> }
    mine.tags['a'] = '2'
    expect(await worker(0).records.get('vm', 'd')).toEqual({ tags: { a: '1' } })
  })
})
