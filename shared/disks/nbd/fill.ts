/** Puts a stream of bytes into the buffers that it is meant for, one after the other. */
export interface Filler {
  /** The next bytes of the stream go here; `then` is called when the buffer is full. */
  fill(buffer: Buffer, then: () => void): void
  /** Takes what has arrived; its memory may be used anew afterwards. What no buffer waits for is kept. */
  push(bytes: Buffer): void
  /** If the buffer that is being filled lies in `memory`, what is still to come for it goes nowhere instead. */
  divert(memory: Buffer): void
}

export function createFiller(): Filler {
  let target: Buffer = nothing
  let at = 0
  let then: (() => void) | undefined
  let early: Buffer = nothing

  const push = (bytes: Buffer): void => {
    let taken = 0
    while (then !== undefined) {
      const piece = Math.min(bytes.length - taken, target.length - at)
      bytes.copy(target, at, taken, taken + piece)
      taken += piece
      at += piece
      if (at < target.length) return
      const done = then
      then = undefined
      done()
    }
    if (taken < bytes.length) early = Buffer.concat([early, bytes.subarray(taken)])
  }

  return {
    push,
    fill(buffer, next) {
      target = buffer
      at = 0
      then = next
      // What is empty is full at once.
      if (early.length === 0 && buffer.length > 0) return
      const bytes = early
      early = nothing
      push(bytes)
    },
    divert(memory) {
      const inside =
        then !== undefined &&
        target.buffer === memory.buffer &&
        target.byteOffset >= memory.byteOffset &&
        target.byteOffset + target.length <= memory.byteOffset + memory.length
      if (inside) target = Buffer.allocUnsafe(target.length)
    },
  }
}

const nothing = Buffer.alloc(0)
