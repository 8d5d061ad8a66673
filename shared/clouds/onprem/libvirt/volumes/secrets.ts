import { uuidOf } from '#shared/clouds/onprem/ids.ts'
import { el, toXml } from '#shared/clouds/onprem/libvirt/xml.ts'
import { ask, type VolumesHost } from './base.ts'
import { unless } from './pools.ts'

/** UUID of the secret that stands for a key. */
export const secretUuid = (keyName: string): string => uuidOf('libvirt secret', keyName)

/**
 * Gives the daemon the passphrase of a key, before something that needs it is started. It is kept in the daemon's memory only (ephemeral),
 * and cannot be read back from there by any client (private). LUKS takes no bytes that are not UTF-8, so it is the base64 text itself.
 * @returns the secret's UUID.
 */
export async function ensureSecret(host: VolumesHost, keyName: string): Promise<string> {
  const uuid = secretUuid(keyName)
  const passphrase = host.passphrase(keyName)
  const secret = el(
    'secret',
    { ephemeral: 'yes', private: 'yes' },
    el('uuid', {}, uuid),
    el('description', {}, `NovaCron ${keyName}`),
  )
  await ask(host, ['secret-define', { content: toXml(secret) }], { mutating: true, resource: keyName })
  await ask(host, ['secret-set-value', uuid, '--file', { content: passphrase }, '--plain'], {
    mutating: true,
    resource: keyName,
  })
  return uuid
}

/** Makes the daemon forget a key. Not known is fine; who needs it ensures it first. */
export async function dropSecret(host: VolumesHost, keyName: string): Promise<void> {
  await ask(host, ['secret-undefine', secretUuid(keyName)], { mutating: true, resource: keyName }).catch(
    unless('VIR_ERR_NO_SECRET'),
  )
}
