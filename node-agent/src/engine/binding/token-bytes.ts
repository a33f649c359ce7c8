// The exact bytes of one token, as llama_token_to_piece() of llama.cpp gives them. The binding's
// own detokenize() is not used for answers: it tidies blanks before punctuation in many BPE
// vocabularies, drops a leading blank, and turns half a code point into U+FFFD for good.

export type VocabularyType = 'none' | 'spm' | 'bpe' | 'wpm' | 'ugm' | 'rwkv' | 'plamo2';

/** What the GGUF says of a token; the names are llama.cpp's attributes. */
export interface TokenEntry {
  text: string;
  control: boolean;
  unknown: boolean;
  userDefined: boolean;
  byte: boolean;
}

const encoder = new TextEncoder();
const none = new Uint8Array(0);

/** Null for vocabularies whose tokens are spelt in another way. */
export function bytesOfToken(
  type: VocabularyType,
  blanksEscaped: boolean,
  entry: TokenEntry,
): Uint8Array | null {
  if (type === 'none' || type === 'rwkv' || type === 'plamo2') return null;
  if (entry.control || entry.unknown) return none;
  if (entry.byte) return byteOf(entry.text);
  if (entry.userDefined) return encoder.encode(entry.text);
  if (type !== 'bpe' || blanksEscaped) return encoder.encode(entry.text.replaceAll('\u2581', ' '));
  return bytesOfByteLevel(entry.text);
}

/** `<0x0A>` is the byte 10. */
function byteOf(text: string): Uint8Array {
  const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(text)?.[1];
  return hex === undefined ? encoder.encode(text) : Uint8Array.of(Number.parseInt(hex, 16));
}

/** Byte-level BPE writes each byte as one printable character (GPT-2's table). */
function bytesOfByteLevel(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const byte = byteOfCharacter.get(character);
    if (byte === undefined) bytes.push(...encoder.encode(character));
    else bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

const byteOfCharacter = buildByteTable();

/** Printable Latin-1 stands for itself; the other bytes, in order, are written from U+0100 on. */
function buildByteTable(): Map<string, number> {
  const table = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 0x100; byte += 1) {
    const printable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    table.set(String.fromCodePoint(printable ? byte : next), byte);
    if (!printable) next += 1;
  }
  return table;
}
