/** Files that hold one disk. */
export type DiskFormat = 'raw' | 'qcow2' | 'vmdk' | 'vhd' | 'vhdx' | 'vdi'
/** Files that hold disks. */
export type FileFormat = DiskFormat | 'ova'

/** QEMU's name of each format; it is always given, never guessed: what a guest wrote on its disk must not decide how its image is read. */
export const driverOf: Readonly<Record<DiskFormat, string>> = {
  raw: 'raw',
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vhd: 'vpc',
  vhdx: 'vhdx',
  vdi: 'vdi',
}

/**
 * A file as programs of QEMU are told to open it, by driver and path and nothing else. A VHD's size is what its footer says, not what its
 * cylinders, heads and sectors make, which can be less.
 */
export const imageOptions = (path: string, format: DiskFormat): string =>
  [
    `driver=${driverOf[format]}`,
    'file.driver=file',
    `file.filename=${path.replaceAll(',', ',,')}`,
    ...(format === 'vhd' ? ['force_size_calc=current_size'] : []),
  ].join(',')
