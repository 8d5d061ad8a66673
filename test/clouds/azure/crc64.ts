/** The CRC-64 of Azure storage (reflected polynomial 0x9A6C9329AC4BC9B5, all bits inverted before and after), little-endian. */
export function crc64(data: Uint8Array): Buffer {
  let [high, low] = [0xffffffff, 0xffffffff]
  for (const byte of data) {
    const index = (low ^ byte) & 0xff
    low = ((low >>> 8) | (high << 24)) ^ (tableLow[index] ?? 0)
    high = (high >>> 8) ^ (tableHigh[index] ?? 0)
  }
  const result = Buffer.alloc(8)
  result.writeUInt32LE(~low >>> 0, 0)
  result.writeUInt32LE(~high >>> 0, 4)
  return result
}

const tableLow = new Uint32Array(256)
const tableHigh = new Uint32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let [high, low] = [0, byte]
  for (let bit = 0; bit < 8; bit++) {
    const carry = low & 1
    low = (low >>> 1) | ((high & 1) << 31)
    high >>>= 1
    if (carry === 1) [high, low] = [high ^ 0x9a6c9329, low ^ 0xac4bc9b5]
  }
  tableLow[byte] = low
  tableHigh[byte] = high
}
