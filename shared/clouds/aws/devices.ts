/** Names that EC2 recommends for HVM instances (User Guide, "Device names for volumes"): the root, then /dev/sdf to /dev/sdp for data. */
export const rootDevice = '/dev/sda1'
export const dataDevices: readonly string[] = Array.from('fghijklmnop', (letter) => `/dev/sd${letter}`)
