import { expect, test } from 'vitest'
import { putFile } from '#test/workers/resources/suites/images.ts'
import { eventually, type World } from '#test/workers/resources/world.ts'

/** Exports that are cancelled while one of their calls is under way, which has its effect all the same. */
export function lateExportSuite(current: () => World): void {
  test(
    'an export that is cancelled at any call leaves no file, and nothing of itself',
    { timeout: 180_000 },
    async () => {
      const world = current()
      const { bucket, key, format } = await putFile(world)
      const source = { bucket: bucket['id'], key }
      const imported = { provider_id: 'cloud-1', name: 'imported', format, source }
      const made = await world.post('/images/import', imported)
      const path = `/images/${String(made.body['image']?.['id'])}`
      const cloud = await world.open()
      const wanted = cloud.images.formats.export.includes('qcow2') ? 'qcow2' : 'vhd'
      const begin = (name: string) =>
        world.client.post(`${path}/export`, {
          format: wanted,
          target: { bucket: bucket['id'], key: `out/${name}.${wanted}` },
        })
      const ref = { region: world.dialect.region, id: String(bucket['cloud_id']) }
      const files = async () =>
        (await Array.fromAsync(cloud.storage.objects.list(ref, { prefix: 'out/' }))).map((file) => file.key)
      const jobOf = async (begun: Awaited<ReturnType<typeof begin>>) => String(begun.body['job']?.['id'])
      const ended = async (job: string) => {
        await eventually(`${job} to end`, async () =>
          ['succeeded', 'failed', 'cancelled'].includes(String((await world.get(`/jobs/${job}`))['state'])),
        )
        return world.get(`/jobs/${job}`)
      }

      world.cloud.clearCalls()
      expect(await ended(await jobOf(await begin('whole')))).toMatchObject({ state: 'succeeded' })
      const calls = new Set(world.cloud.calls().flatMap((call) => (call.mutating ? [call.operation] : [])))
      expect(calls.size).toBeGreaterThan(0)
      const [before, filesBefore] = [stock(world), await files()]

      for (const operation of calls) {
        world.cloud.inject({ operation, mode: 'hold' })
        const arrived = world.asked(operation)
        const job = await jobOf(await begin(operation))
        await eventually(`${operation} to be called`, () => world.asked(operation) > arrived)
        await world.client.post(`/jobs/${job}/cancel`, {})
        await eventually(`the way back of ${operation} to begin`, async () =>
          ['undoing', 'cancelled', 'succeeded'].includes(String((await world.get(`/jobs/${job}`))['state'])),
        )
        world.cloud.clearFaults()
        const { state } = await ended(job)
        // What comes after the last step's work can no longer be cancelled.
        if (String(state) === 'succeeded') continue
        expect(await files(), `files after ${operation}`).toEqual(filesBefore)
        expect(stock(world), `what is there after ${operation}`).toEqual(before)
      }
    },
  )
}

const stock = ({ cloud }: World): string[] =>
  cloud
    .residue()
    .map(({ kind, id }) => `${kind} ${id}`)
    .toSorted()
