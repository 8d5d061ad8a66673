import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { DiskSink, DiskSource } from '#shared/disks/port.ts'
import type { VolumesHost } from './base.ts'
export const openSource = (_h: VolumesHost, _r: VolumeRef, _o?: { since?: VolumeRef }): Promise<DiskSource> =>
  Promise.reject(new Error('x'))
export const openSink = (_h: VolumesHost, _r: VolumeRef): Promise<DiskSink> => Promise.reject(new Error('x'))
