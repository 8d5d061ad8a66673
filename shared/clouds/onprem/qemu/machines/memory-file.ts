import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { access, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import { syncFolder } from '#shared/clouds/onprem/qemu/files.ts'
import type { MachinePaths } from '#shared/clouds/onprem/qemu/layout.ts'

/**
 * Memory of a suspended machine, as QEMU's migration stream, in frames of at most 256 KiB:
 *
 *   header: magic `NCMEM1\0\0`, salt (32 bytes)
 *   frame:  length of what follows (uint32), AES-256-GCM of the bytes, tag (16 bytes); the nonce is the frame's number
 *
 * An empty frame ends it, so that a file that was cut off is told from a whole one. The key comes from the boot disk's passphrase; of a disk that
 * is not encrypted from the salt alone, which hides nothing but still shows damage.
 */
export async function writeMemory(
  paths: MachinePaths,
  source: AsyncIterable<Buffer>,
  passphrase: string | undefined,
): Promise<void> {
  const fresh = freshOf(paths)
  const file = await open(fresh, 'w', 0o600)
  try {
    const salt = randomBytes(saltBytes)
    await file.writev([magic, salt])
    const seal = sealer(keyOf(salt, passphrase))
    for await (const bytes of source)
      for (let at = 0; at < bytes.length; at += frameBytes)
        await file.writev(seal(bytes.subarray(at, at + frameBytes)))
    await file.writev(seal(Buffer.alloc(0)))
    await file.sync()
  } finally {
    await file.close()
  }
}

/** What was written counts from here on: QEMU has said that it was all. */
export async function keepMemory(paths: MachinePaths): Promise<void> {
  await rename(freshOf(paths), paths.memory)
  await syncFolder(paths.folder)
}

/** @throws HostError `integrity` if it is not what was kept, or the passphrase is another. */
export async function* readMemory(
  paths: MachinePaths,
  passphrase: string | undefined,
): AsyncGenerator<Buffer, void> {
  const file = await open(paths.memory, 'r')
  try {
    const header = await exactly(file, magic.length + saltBytes)
    if (!header.subarray(0, magic.length).equals(magic)) throw damaged('its beginning is not ours')
    const openFrame = opener(keyOf(header.subarray(magic.length), passphrase))
    for (;;) {
      const length = (await exactly(file, 4)).readUInt32BE()
      if (length > frameBytes + tagBytes || length < tagBytes) throw damaged('a frame has no proper length')
      const bytes = openFrame(await exactly(file, length))
      if (bytes.length === 0) return
      yield bytes
    }
  } finally {
    await file.close()
  }
}

export const hasMemory = ({ memory }: MachinePaths): Promise<boolean> =>
  access(memory).then(
    () => true,
    () => false,
  )

/**
 * From here on the memory that is kept is not the machine's any more: a guest that went on must never go back to it, because its disks have
 * gone on, too. Durable before the guest runs.
 */
export async function spendMemory(paths: MachinePaths): Promise<void> {
  if (!(await hasMemory(paths))) return
  await rename(paths.memory, paths.memoryInUse)
  await syncFolder(dirname(paths.memory))
  await rm(paths.memoryInUse, { force: true })
}

export async function dropMemory(paths: MachinePaths): Promise<void> {
  for (const path of [paths.memory, paths.memoryInUse, freshOf(paths)]) await rm(path, { force: true })
}

const freshOf = ({ memory }: MachinePaths): string => `${memory}.new`

const keyOf = (salt: Buffer, passphrase: string | undefined): Buffer =>
  Buffer.from(
    hkdfSync(
      'sha256',
      passphrase === undefined ? salt : Buffer.from(passphrase, 'base64'),
      salt,
      'novacron memory',
      32,
    ),
  )

function sealer(key: Buffer): (bytes: Buffer) => Buffer[] {
  let frame = 0
  return (bytes) => {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf((frame += 1)))
    const sealed = [cipher.update(bytes), cipher.final(), cipher.getAuthTag()]
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length + tagBytes)
    return [length, ...sealed]
  }
}

function opener(key: Buffer): (sealed: Buffer) => Buffer {
  let frame = 0
  return (sealed) => {
    const end = sealed.length - tagBytes
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf((frame += 1)), { authTagLength: tagBytes })
    decipher.setAuthTag(sealed.subarray(end))
    try {
      return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()])
    } catch {
      throw damaged(`frame ${frame} is not what was written, or its key is another`)
    }
  }
}

function nonceOf(frame: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(frame, 6, 6)
  return nonce
}

async function exactly(file: FileHandle, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length;) {
    const { bytesRead } = await file.read(bytes, at, length - at)
    if (bytesRead === 0) throw damaged('it is cut off')
    at += bytesRead
  }
  return bytes
}

const damaged = (why: string) => new HostError('integrity', `the memory kept of a suspended machine: ${why}`)

const magic = Buffer.from('NCMEM1\0\0')
const saltBytes = 32
const tagBytes = 16
const frameBytes = 256 * 1024
