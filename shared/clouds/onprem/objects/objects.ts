import { join } from 'node:path'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { deleteObject, readObject, writeObject } from '#shared/clouds/onprem/objects/folder.ts'
import { isExpired } from '#shared/clouds/onprem/objects/lifecycle.ts'
import { listFolder } from '#shared/clouds/onprem/objects/listing.ts'
import { folderBucket, requireBucket } from '#shared/clouds/onprem/objects/store.ts'
import type { CloudRef, ObjectsFacet } from '#shared/clouds/port.ts'

/** Objects in the store's folder. What its bucket's rules let go is not listed, also before it is deleted. */
export function createFolderObjects(site: Site): ObjectsFacet {
  const open = async (operation: string, ref: CloudRef) =>
    folderBucket(site, ref, await requireBucket(site, operation, ref))
  return {
    async *list(ref, { prefix }) {
      const record = await requireBucket(site, 'storage.objects.list', ref)
      const { gate, folder } = folderBucket(site, ref, record)
      const nowMs = Date.now()
      for await (const { object } of listFolder(gate, join(folder, 'objects'), prefix))
        if (!isExpired(record.lifecycle, object, nowMs)) yield object
    },
    write: async (ref, object) => writeObject(await open('storage.objects.write', ref), object),
    async *read(ref, object) {
      yield* readObject(await open('storage.objects.read', ref), object)
    },
    delete: async (ref, key) => deleteObject(await open('storage.objects.delete', ref), key),
  }
}
