import type { HostVolumes } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { backup } from '#shared/clouds/onprem/qemu/volumes/backup/backup.ts'
import { forgetMark } from '#shared/clouds/onprem/qemu/volumes/backup/marks.ts'
import { deleteVolume, resizeVolume } from '#shared/clouds/onprem/qemu/volumes/change.ts'
import { getVolume, listPools, listVolumes } from '#shared/clouds/onprem/qemu/volumes/facts.ts'
import { openSink, openSource } from '#shared/clouds/onprem/qemu/volumes/io.ts'
import { copyVolume, createVolume, writeVolume } from '#shared/clouds/onprem/qemu/volumes/make.ts'

/** Volumes of the qemu driver: files in folders, named as they are. Whoever works on one holds QEMU's lock on its file. */
export const createVolumes = (host: QemuHost): HostVolumes => ({
  pools: () => listPools(host),
  list: (pool) => listVolumes(host, pool),
  get: (volume) => getVolume(host, volume),
  create: (volume, wishes) => createVolume(host, volume, wishes),
  copy: (from, to, wishes) => copyVolume(host, from, to, wishes),
  resize: (volume, sizeBytes, machine) => resizeVolume(host, volume, sizeBytes, machine),
  delete: (volume) => deleteVolume(host, volume),
  writeFile: (volume, content) => writeVolume(host, volume, content),
  openSource: (volume, options) => openSource(host, volume, options),
  openSink: (volume) => openSink(host, volume),
  backup: (volume, target, options) => backup(host, volume, target, options),
  forgetMark: (volume, mark, machine) => forgetMark(host, volume, mark, machine),
})
