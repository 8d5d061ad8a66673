import { CloudError } from '#shared/clouds/errors.ts'
import type { PoolFacts, VolumeFacts } from '#shared/clouds/onprem/host.ts'
import { parseXml, textOf, toXml, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { ask, checkedName, type VolumesHost } from './base.ts'
import { foundVolume, type FoundVolume } from './volume-xml.ts'

/** Files of ours that are no volumes: records, marks, scratch files. */
export const ownPrefix = 'nc-'

/** Names of the storage pools that volumes may lie in. */
export async function poolNames(host: VolumesHost): Promise<readonly string[]> {
  if (host.pools !== undefined) return host.pools
  const { text } = await ask(host, ['pool-list', '--type', 'dir', '--name'], { mutating: false })
  return linesOf(text)
}

/** Sizes of a pool as its file system has them. */
export async function poolFacts(host: VolumesHost, pool: string): Promise<PoolFacts> {
  await refresh(host, pool)
  const facts = await poolElement(host, pool)
  return {
    name: pool,
    totalBytes: Number(textOf(facts, 'capacity')),
    freeBytes: Number(textOf(facts, 'available')),
  }
}

/** The folder of a pool. */
export async function poolPath(host: VolumesHost, pool: string): Promise<string> {
  const path = textOf(await poolElement(host, pool), 'target', 'path')
  if (path !== undefined) return path
  throw refusal('volumes', `Storage pool ${pool} of host ${host.name} has no folder.`, {
    code: 'invalid_request',
    remedy: 'Name a pool of type dir in the registration.',
  })
}

/** All volumes of a pool, without files that are the driver's own. */
export async function listVolumes(host: VolumesHost, pool: string): Promise<VolumeFacts[]> {
  await refresh(host, pool)
  const names = await fileNames(host, pool)
  const found = await Promise.all(
    names.filter((name) => !name.startsWith(ownPrefix)).map((name) => lookUp(host, pool, name)),
  )
  return found.flatMap((one) => (one ? [factsOf(one)] : []))
}

/** Names of all files in a pool that could be ours, and that libvirt has noticed. */
export async function fileNames(host: VolumesHost, pool: string): Promise<string[]> {
  const { text } = await ask(host, ['vol-list', checkedName(pool)], { mutating: false, resource: pool })
  return linesOf(text).flatMap((line) => /^([A-Za-z0-9][A-Za-z0-9._-]*)\s+\//.exec(line)?.[1] ?? [])
}

/** A volume, also one that libvirt has not noticed yet (its daemon died while it made it). */
export async function findVolume(
  host: VolumesHost,
  pool: string,
  name: string,
): Promise<FoundVolume | undefined> {
  const known = await lookUp(host, pool, name)
  if (known) return known
  await refresh(host, pool)
  return lookUp(host, pool, name)
}

/** A volume, by its path, of whatever pool. */
export const findByPath = (host: VolumesHost, path: string): Promise<FoundVolume | undefined> =>
  dumped(host, ['vol-dumpxml', path], path)

export async function createVolume(
  host: VolumesHost,
  pool: string,
  name: string,
  volume: XmlElement,
): Promise<void> {
  await ask(host, ['vol-create', checkedPool(pool), { content: toXml(volume) }], {
    mutating: true,
    resource: checkedName(name),
    timeoutMs: Infinity,
  })
}

/** Gone already is fine. */
export async function removeFile(host: VolumesHost, pool: string, name: string): Promise<void> {
  if (!(await findVolume(host, pool, name))) return
  await ask(host, ['vol-delete', name, '--pool', pool], { mutating: true, resource: name }).catch(
    unless('VIR_ERR_NO_STORAGE_VOL'),
  )
}

/** Facts without what is the driver's. */
export const factsOf = ({ path: _path, backingPath: _backingPath, ...facts }: FoundVolume): VolumeFacts =>
  facts

/** For `catch`: undefined for an error of one of these codes. */
export const unless =
  (...vendorCodes: string[]) =>
  (error: unknown): undefined => {
    if (error instanceof CloudError && vendorCodes.includes(error.vendorCode ?? '')) return
    throw error
  }

/** The lines of an answer, without blanks around them. */
export const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)

const lookUp = (host: VolumesHost, pool: string, name: string): Promise<FoundVolume | undefined> =>
  dumped(host, ['vol-dumpxml', checkedName(name), '--pool', checkedPool(pool)], name)

async function dumped(
  host: VolumesHost,
  words: string[],
  resource: string,
): Promise<FoundVolume | undefined> {
  const answer = await ask(host, words, { mutating: false, resource }).catch(unless('VIR_ERR_NO_STORAGE_VOL'))
  return answer && foundVolume(parseXml(answer.text))
}

/** What others have put there is seen after this only. While libvirt makes a volume there it cannot, and need not. */
export async function refresh(host: VolumesHost, pool: string): Promise<void> {
  await ask(host, ['pool-refresh', checkedPool(pool)], { mutating: false, resource: pool }).catch(
    unless('VIR_ERR_INTERNAL_ERROR', 'VIR_ERR_OPERATION_INVALID'),
  )
}

async function poolElement(host: VolumesHost, pool: string): Promise<XmlElement> {
  const { text } = await ask(host, ['pool-dumpxml', checkedPool(pool)], { mutating: false, resource: pool })
  return parseXml(text)
}

const checkedPool = (pool: string): string => checkedName(pool)
