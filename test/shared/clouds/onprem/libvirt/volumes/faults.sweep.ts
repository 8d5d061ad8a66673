import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { HostError, type Interceptor } from '#shared/clouds/onprem/gate.ts'
import { sha256 } from '#shared/disks/hash.ts'
import { findLibvirt } from '#test/clouds/libvirt/find.ts'
import { openVolumesLab, type VolumesLab } from './lab.ts'

const libvirt = findLibvirt()
const reason =
  'reason' in libvirt
    ? ` (skipped: ${libvirt.reason})`
    : process.env['SWEEPS'] === 'all'
      ? ''
      : ' (skipped unless SWEEPS=all: it takes minutes)'
const mebibyte = 2 ** 20

// Each call that changes something fails once, before it does anything or after it did all, and everything after it on that try fails too, as
// for a worker that has lost the host. Then another try must end as if nothing had been.
describe.skipIf(reason)(`volumes of libvirt when a call fails${reason}`, () => {
  let lab: VolumesLab
  beforeAll(async () => {
    lab = await openVolumesLab()
  })
  afterAll(() => lab.close())
  afterEach(() => lab.break(undefined))

  const scenarios: Scenario[] = [
    {
      name: 'create (encrypted)',
      run: (v, nr) => v.volumes.create(v.ref(`made-${nr}`, 'volume/faults'), { sizeBytes: mebibyte }),
      check: async (v, nr) => {
        const made = v.ref(`made-${nr}`, 'volume/faults')
        await expect(v.digest(made)).resolves.toBe((await sha256(Buffer.alloc(mebibyte))).toString('hex'))
        await v.volumes.delete(made)
      },
    },
    {
      name: 'copy to a larger one',
      run: (v, nr) => v.volumes.copy(v.ref('origin'), v.ref(`copy-${nr}`), { sizeBytes: 6 * mebibyte }),
      check: async (v, nr) => {
        const copy = v.ref(`copy-${nr}`)
        expect(await v.volumes.get(copy)).toMatchObject({ sizeBytes: 6 * mebibyte })
        const [origin, same] = await Promise.all([contentOf(v, 'origin'), contentOf(v, `copy-${nr}`)])
        expect(same.subarray(0, origin.length).equals(origin)).toBe(true)
        await v.volumes.delete(copy)
      },
    },
    {
      name: 'incremental backup of a running machine',
      run: (v, nr, machine) =>
        v.volumes.backup(v.ref('running'), v.ref(`running-${nr + 1}`), {
          machine,
          since: v.ref(`running-${nr}`),
        }),
      before: (v, nr, machine) => v.write(machine, 'vda', `write -P ${(nr % 200) + 1} ${nr % 4}M 512k`),
      check: async (v, nr) => {
        expect(await v.volumes.get(v.ref(`running-${nr + 1}`))).toMatchObject({
          backing: v.ref(`running-${nr}`).name,
        })
        expect(await v.digest(v.ref(`running-${nr + 1}`))).toBe(await v.digest(v.ref('running')))
      },
    },
    {
      name: 'incremental backup of a stopped disk',
      run: (v, nr) =>
        v.volumes.backup(v.ref('origin'), v.ref(`origin-${nr + 1}`), { since: v.ref(`origin-${nr}`) }),
      check: async (v, nr) => {
        expect(await v.volumes.get(v.ref(`origin-${nr + 1}`))).toMatchObject({
          backing: v.ref(`origin-${nr}`).name,
        })
        expect(await v.digest(v.ref(`origin-${nr + 1}`))).toBe(await v.digest(v.ref('origin')))
      },
    },
  ]

  test.each(scenarios)(
    '$name: tried again it is whole, once, and nothing is left',
    async (scenario) => {
      const machine = await prepare(lab)
      let nr = 1
      const attempt = async (interceptor?: Interceptor) => {
        lab.break(interceptor)
        try {
          await scenario.run(lab, nr, machine)
        } finally {
          lab.break(undefined)
        }
      }
      const finish = async () => {
        await attempt()
        await scenario.check(lab, nr, machine)
        await lab.expectNothingLeft()
        nr += 1
        await scenario.before?.(lab, nr, machine)
      }
      const calls = new Set<string>()
      await attempt(async (call, send) => {
        if (call.mutating) calls.add(call.operation)
        return send()
      })
      await finish()
      expect(calls.size).toBeGreaterThan(2)
      for (const operation of calls) {
        for (const moment of ['before', 'after'] as const) {
          await expect(attempt(failing(operation, moment)), `${operation}, ${moment}`).rejects.toMatchObject({
            code: 'network',
          })
          await finish()
        }
      }
      await lab.stopMachine(machine)
      for (const { name, format } of await lab.volumes.list(lab.daemon.pool))
        await lab.volumes.delete({ pool: lab.daemon.pool, name, format })
      await lab.expectNothingLeft()
    },
    600_000,
  )
})

interface Scenario {
  name: string
  run(lab: VolumesLab, nr: number, machine: string): Promise<unknown>
  before?(lab: VolumesLab, nr: number, machine: string): Promise<void>
  check(lab: VolumesLab, nr: number, machine: string): Promise<void>
}

/** Fails from the first call of that name on; `after`: the first one is carried out. */
function failing(operation: string, moment: 'before' | 'after'): Interceptor {
  let broken = false
  return async (call, send) => {
    const isFirst = !broken && call.operation === operation
    broken ||= isFirst
    if (!broken) return send()
    if (isFirst && moment === 'after') await send()
    throw new HostError('connection_lost', 'the host was cut off by the test')
  }
}

async function prepare(lab: VolumesLab): Promise<string> {
  await lab.volumes.create(lab.ref('origin'), { sizeBytes: 4 * mebibyte })
  const sink = await lab.volumes.openSink(lab.ref('origin'))
  const data = Buffer.alloc(mebibyte, 3)
  await sink.write({ offset: mebibyte, data, sha256: await sha256(data) })
  await sink.close()
  await lab.volumes.create(lab.ref('running'), { sizeBytes: 4 * mebibyte })
  const machine = await lab.startMachine(lab.ref('running'))
  await lab.volumes.backup(lab.ref('origin'), lab.ref('origin-1'), {})
  await lab.volumes.backup(lab.ref('running'), lab.ref('running-1'), { machine })
  return machine
}

async function contentOf(lab: VolumesLab, name: string): Promise<Buffer> {
  const source = await lab.volumes.openSource(lab.ref(name))
  const content = await source.read({ offset: 0, length: source.sizeBytes })
  await source.close()
  return content
}
