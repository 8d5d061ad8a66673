import { libvirtFeatures, qemuFeatures } from '#shared/clouds/onprem/capabilities/features.ts'
import { libvirtOperations } from '#shared/clouds/onprem/capabilities/libvirt.ts'
import { qemuOperations } from '#shared/clouds/onprem/capabilities/qemu.ts'
import type { Capabilities } from '#shared/clouds/operations.ts'

/** What on-premise providers of each driver do and lack. Plain data: neither driver is loaded by importing it. */
export const qemuCapabilities: Capabilities = { operations: qemuOperations, features: qemuFeatures }
export const libvirtCapabilities: Capabilities = { operations: libvirtOperations, features: libvirtFeatures }
