// A reading position in the first bytes of a file that may be hostile or not all there. It leaves
// by two doors, `Missing` (more bytes are needed) and `Refused` (no bytes would help), which
// `parseGgufHeader` turns into data; nothing else catches them.

/** The header goes on at least up to this byte. */
export class Missing extends Error {
  readonly needBytes: number;

  constructor(needBytes: number) {
    super(`${needBytes} bytes are needed`);
    this.needBytes = needBytes;
  }
}

/** This is not a header that can be read, whatever follows. */
export class Refused extends Error {}

export class Cursor {
  offset = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #bytesMax: number;
  readonly #decoder = new TextDecoder('utf-8');

  constructor(bytes: Uint8Array, bytesMax: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bytesMax = bytesMax;
  }

  /** Steps over `byteCount` bytes, which need not be there yet. */
  skip(byteCount: number, what: string): void {
    const end = this.offset + byteCount;
    if (end > this.#bytesMax) {
      throw new Refused(`${what} would make the header longer than ${this.#bytesMax} bytes`);
    }
    this.offset = end;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  i8(): number {
    return this.#view.getInt8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  i16(): number {
    return this.#view.getInt16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  f32(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** As a double: exact to 2^53, nearest above. */
  u64(): number {
    const low = this.u32();
    return this.u32() * 2 ** 32 + low;
  }

  i64(): number {
    const low = this.u32();
    return this.i32() * 2 ** 32 + low;
  }

  /** A count or length that some later step multiplies or allocates by. */
  count(max: number, what: string): number {
    const value = this.u64();
    if (value > max) throw new Refused(`${what} is ${value}, more than ${max}`);
    return value;
  }

  text(bytesMax: number, what: string): string {
    const length = this.count(bytesMax, `the length of ${what}`);
    const start = this.#take(length);
    return this.#decoder.decode(this.#bytes.subarray(start, start + length));
  }

  #take(byteCount: number): number {
    const start = this.offset;
    this.skip(byteCount, 'what follows');
    if (this.offset > this.#bytes.length) throw new Missing(this.offset);
    return start;
  }
}
