import { Refusal } from '#test/clouds/gcp/refusal.ts'

/** What a machine series takes, by Google's page on custom machine types. MiB of memory each vCPU may have. */
interface Series {
  cpus: (count: number) => boolean
  leastMib: number
  mostMib: number
  extended: boolean
}

const even = (most: number) => (count: number) => count >= 2 && count <= most && count % 2 === 0

/** https://cloud.google.com/compute/docs/instances/creating-instance-with-custom-machine-type */
const series: Readonly<Record<string, Series>> = {
  n1: { cpus: (count) => count === 1 || even(96)(count), leastMib: 921.6, mostMib: 6656, extended: true },
  n2: {
    cpus: (count) => even(32)(count) || (count > 32 && count <= 128 && count % 4 === 0),
    leastMib: 512,
    mostMib: 8192,
    extended: true,
  },
  n4: { cpus: even(80), leastMib: 2048, mostMib: 8192, extended: true },
  e2: { cpus: even(32), leastMib: 512, mostMib: 8192, extended: false },
}

/** vCPUs and memory of a custom machine type; undefined for a name of another form. @throws Refusal as Google words it. */
export function customTypeOf(name: string): { guestCpus: number; memoryMb: number } | undefined {
  const [, of = 'n1', cpus, memory, extended] =
    /^(?:([a-z][a-z0-9]*)-)?custom-(\d+)-(\d+)(-ext)?$/.exec(name) ?? []
  if (cpus === undefined) return undefined
  const [guestCpus, memoryMb, rules] = [Number(cpus), Number(memory), series[of]]
  const refused = (why: string) =>
    new Refusal(400, 'invalid', `Invalid value for field 'resource.machineType': '${name}'. ${why}`)
  if (!rules) throw refused(`Custom Machine type with name '${name}' does not exist.`)
  if (!rules.cpus(guestCpus)) throw refused(`Number of CPUs is not supported, ${guestCpus} are requested.`)
  if (memoryMb % 256 !== 0)
    throw refused(`Memory should be a multiple of 256MiB, while ${memoryMb}MiB is requested`)
  if (memoryMb < guestCpus * rules.leastMib) throw refused('Memory per vCPU is below the minimum.')
  if (memoryMb > guestCpus * rules.mostMib && !(rules.extended && extended))
    throw refused('Memory per vCPU is above the maximum; extended memory is not requested.')
  return { guestCpus, memoryMb }
}
