/** A set of chunk numbers below `count`, one bit each: 16 TiB in 512 KiB chunks take 4 MiB. */
export interface ChunkSet {
  readonly count: number
  /** How many chunks are in the set. */
  readonly size: number
  has(chunk: number): boolean
  add(chunk: number): void
  /** Adds `from` up to, not including, `to`. */
  addRange(from: number, to: number): void
  delete(chunk: number): void
  /** The first chunk in the set at or after `from`, or -1. */
  next(from: number): number
}

/** An empty set for chunks 0 … `count` - 1. */
export const createChunkSet = (count: number): ChunkSet => {
  const words = new Uint32Array(Math.ceil(count / 32))
  let size = 0

  const wordAt = (index: number): number => words[index] ?? 0
  const inside = (chunk: number): boolean => Number.isInteger(chunk) && chunk >= 0 && chunk < count
  const has = (chunk: number): boolean => inside(chunk) && ((wordAt(chunk >>> 5) >>> (chunk & 31)) & 1) === 1

  const add = (chunk: number): void => {
    if (!inside(chunk)) throw new RangeError(`chunk ${chunk} is not one of ${count}`)
    if (has(chunk)) return
    words[chunk >>> 5] = wordAt(chunk >>> 5) | (1 << (chunk & 31))
    size++
  }

  return {
    count,
    get size() {
      return size
    },
    has,
    add,
    addRange(from, to) {
      for (let chunk = from; chunk < to; chunk++) {
        // Whole empty words at once: a full 16 TiB disk is one extent of 33 million chunks.
        if ((chunk & 31) === 0 && to - chunk >= 32 && chunk + 32 <= count && wordAt(chunk >>> 5) === 0) {
          words[chunk >>> 5] = 0xffffffff
          size += 32
          chunk += 31
        } else add(chunk)
      }
    },
    delete(chunk) {
      if (!has(chunk)) return
      words[chunk >>> 5] = wordAt(chunk >>> 5) & ~(1 << (chunk & 31))
      size--
    },
    next(from) {
      let index = from >>> 5
      let word = wordAt(index) & (0xffffffff << (from & 31))
      while (word === 0) {
        if (++index >= words.length) return -1
        word = wordAt(index)
      }
      return index * 32 + (31 - Math.clz32(word & -word))
    },
  }
}

/** The chunks of the set, ascending. */
export function* members(set: ChunkSet): Generator<number, undefined> {
  for (let chunk = set.next(0); chunk !== -1; chunk = set.next(chunk + 1)) yield chunk
  return undefined
}
