import { randomUUID } from 'node:crypto'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import type { BlockSecret } from '#shared/clouds/onprem/qemu/volumes/graph.ts'

/**
 * Passphrases for a program that is about to be started: each in a file that has no name any more, open for reading, to be inherited
 * as file descriptors 3, 4 …, with the arguments that make the program read them. So they are on no command line, and nothing is left of them
 * however the program or this process ends. Close the files once the program runs.
 */
export async function handOver(
  host: Pick<QemuHost, 'layout' | 'context' | 'runAs'>,
  secrets: readonly BlockSecret[],
  option = '--object',
): Promise<{ files: FileHandle[]; args: string[] }> {
  const files: FileHandle[] = []
  try {
    for (const { keyName } of secrets)
      files.push(await namelessFile(host, Buffer.from(host.context.passphrase(keyName))))
  } catch (error) {
    await Promise.all(files.map((file) => file.close()))
    throw error
  }
  const args = secrets.flatMap(({ id }, index) => [option, `secret,id=${id},file=/dev/fd/${3 + index}`])
  return { files, args }
}

/** The program opens the file by its number, for which it must be the program's user's. */
async function namelessFile(
  { layout, runAs }: Pick<QemuHost, 'layout' | 'runAs'>,
  content: Buffer,
): Promise<FileHandle> {
  const path = join(layout.sockets, `.${randomUUID()}`)
  const file = await open(path, 'wx+', 0o600)
  try {
    await unlink(path)
    await file.write(content, 0, content.length, 0)
    if (runAs) await file.chown(runAs.uid, runAs.gid)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}
