/** What an image file may ask for. */
export interface ImageLimits {
  /** Of each disk. */
  maxDiskBytes: number
  /** Disks in an OVA. */
  maxDisks: number
  /** Memory that a program reading it may take, as address space. */
  maxMemoryBytes: number
  /** Processor time for looking at one, and for converting one. */
  maxInspectCpuS: number
  maxConvertCpuS: number
}

export const defaultLimits: ImageLimits = {
  maxDiskBytes: 16 * 2 ** 40,
  maxDisks: 16,
  maxMemoryBytes: 4 * 2 ** 30,
  maxInspectCpuS: 30,
  maxConvertCpuS: 12 * 3600,
}
