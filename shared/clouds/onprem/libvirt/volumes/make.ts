import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import { outputFile } from '#shared/clouds/onprem/libvirt/virsh.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { pause } from '#shared/clouds/scope.ts'
import type { VolumesHost } from './base.ts'
import { encryptedImage } from '#shared/clouds/onprem/luks/image.ts'
import { createVolume, findVolume, refresh } from './pools.ts'
import { volumeElement } from './volume-xml.ts'

export interface NewVolume {
  sizeBytes: number
  backing?: { path: string; format: 'qcow2' | 'raw' }
}

/** Makes an empty volume under a name that is free. Half made if it fails: see `making`. */
export async function makeVolume(host: VolumesHost, ref: VolumeRef, wishes: NewVolume): Promise<void> {
  const { pool, name, format, keyName } = ref
  if (keyName !== undefined) return makeEncrypted(host, ref, keyName, wishes)
  await createVolume(host, pool, name, volumeElement({ name, format, ...wishes }))
}

/** libvirt has `qemu-img` make encrypted images; why that is not used here, see luksHeader. */
async function makeEncrypted(
  host: VolumesHost,
  ref: VolumeRef,
  keyName: string,
  wishes: NewVolume,
): Promise<void> {
  const { pool, name, format } = ref
  if (format !== 'qcow2')
    throw refusal('volumes', `${name}: a raw volume cannot be encrypted.`, {
      code: 'invalid_request',
      remedy: 'Use format qcow2.',
    })
  const { head, fileBytes } = encryptedImage({ ...wishes, passphrase: host.passphrase(keyName) })
  await createVolume(host, pool, name, volumeElement({ name, format: 'raw', sizeBytes: fileBytes }))
  await upload(host, ref, head)
  // After an upload libvirt looks into the pool by itself, but a moment later.
  for (let delayMs = 5; delayMs < 10_000; delayMs *= 2) {
    if ((await findVolume(host, pool, name))?.format === 'qcow2') return
    await refresh(host, pool)
    await pause(delayMs)
  }
  throw refusal('volumes', `libvirt does not see that ${name} is a qcow2 image.`, {
    code: 'cloud_error',
    kind: 'retryable',
    remedy: `Look what host ${host.name} says of it: virsh vol-dumpxml ${name} --pool ${pool}`,
  })
}

/** Writes the beginning of a file and makes sure that it holds it. */
export async function upload(host: VolumesHost, { pool, name }: VolumeRef, content: Buffer): Promise<void> {
  await host.gate(
    { operation: 'virsh vol-upload', mutating: true, resource: name, payload: content },
    (signal) => host.virsh.run(['vol-upload', name, { content }, '--pool', pool], signal),
  )
  await host.gate({ operation: 'virsh vol-download', mutating: false, resource: name }, async (signal) => {
    const { output } = await host.virsh.run(
      ['vol-download', name, outputFile, '--pool', pool, '--length', `${content.length}`],
      signal,
    )
    if (!output.equals(content))
      throw new HostError('integrity', `${name} does not hold what was written to it`)
  })
}
