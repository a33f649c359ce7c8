// Writes small GGUF files for tests: the format's own words, so that a test can break each of them.

export type SampleValue =
  | { type: 'u32'; value: number }
  | { type: 'u64'; value: number }
  | { type: 'f32'; value: number }
  | { type: 'bool'; value: boolean }
  | { type: 'text'; value: string }
  | { type: 'texts'; value: readonly string[] }
  | { type: 'u32s'; value: readonly number[] };

export interface SampleTensor {
  name: string;
  dimensions: readonly number[];
  /** ggml's number of the type: 0 is F32, 8 is Q8_0. */
  type: number;
  bytes: number;
}

const typeIds = { u32: 4, f32: 6, bool: 7, text: 8, u64: 10 } as const;
const arrayId = 9;
const alignment = 32;

export function sampleGguf(
  values: Record<string, SampleValue>,
  tensors: readonly SampleTensor[],
  version = 3,
): Buffer {
  const keys = Object.entries(values).map(([key, value]) =>
    Buffer.concat([textOf(key), bytesOfValue(value)]),
  );
  let offset = 0;
  const infos = tensors.map((tensor) => {
    const dimensions = tensor.dimensions.map(u64);
    const info = [textOf(tensor.name), u32(dimensions.length), ...dimensions, u32(tensor.type)];
    const whole = Buffer.concat([...info, u64(offset)]);
    offset += Math.ceil(tensor.bytes / alignment) * alignment;
    return whole;
  });
  const counts = [u64(tensors.length), u64(keys.length)];
  const head = Buffer.concat([Buffer.from('GGUF'), u32(version), ...counts, ...keys, ...infos]);
  const padding = Buffer.alloc((alignment - (head.length % alignment)) % alignment);
  const data = Buffer.alloc(offset, 7);
  return Buffer.concat([head, padding, data]);
}

/** A Llama of one layer with an untied output; `over` replaces or adds keys. */
export function sampleModel(over: Record<string, SampleValue> = {}, blockCount = 4): Buffer {
  const width = 64;
  const vocabulary = 32 * blockCount;
  const values: Record<string, SampleValue> = {
    'general.architecture': { type: 'text', value: 'llama' },
    'general.name': { type: 'text', value: 'Sample 1M Chat' },
    'general.license': { type: 'text', value: 'apache-2.0' },
    'general.file_type': { type: 'u32', value: 7 },
    'llama.block_count': { type: 'u32', value: 1 },
    'llama.embedding_length': { type: 'u32', value: width },
    'llama.context_length': { type: 'u32', value: 1_024 },
    'llama.attention.head_count': { type: 'u32', value: 4 },
    'llama.attention.head_count_kv': { type: 'u32', value: 2 },
    'tokenizer.ggml.tokens': {
      type: 'texts',
      value: ['<unk>', '<s>', '</s>', ...Array.from({ length: vocabulary - 3 }, (_, i) => `t${i}`)],
    },
    'tokenizer.ggml.bos_token_id': { type: 'u32', value: 1 },
    'tokenizer.ggml.eos_token_id': { type: 'u32', value: 2 },
    'tokenizer.chat_template': { type: 'text', value: '{{ messages }}' },
    ...over,
  };
  const table = { dimensions: [width, vocabulary], type: 8, bytes: (width * vocabulary * 34) / 32 };
  return sampleGguf(values, [
    { name: 'token_embd.weight', ...table },
    { name: 'blk.0.attn_q.weight', dimensions: [width, width], type: 8, bytes: 64 * 68 },
    { name: 'output_norm.weight', dimensions: [width], type: 0, bytes: width * 4 },
    { name: 'output.weight', ...table },
  ]);
}

function bytesOfValue(value: SampleValue): Buffer {
  switch (value.type) {
    case 'text':
      return Buffer.concat([u32(typeIds.text), textOf(value.value)]);
    case 'texts':
      return arrayOf(typeIds.text, value.value.map(textOf));
    case 'u32s':
      return arrayOf(typeIds.u32, value.value.map(u32));
    case 'bool':
      return Buffer.concat([u32(typeIds.bool), Buffer.from([value.value ? 1 : 0])]);
    case 'u64':
      return Buffer.concat([u32(typeIds.u64), u64(value.value)]);
    case 'u32':
      return Buffer.concat([u32(typeIds.u32), u32(value.value)]);
    case 'f32': {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(value.value);
      return Buffer.concat([u32(typeIds.f32), bytes]);
    }
  }
}

function arrayOf(typeId: number, elements: readonly Buffer[]): Buffer {
  return Buffer.concat([u32(arrayId), u32(typeId), u64(elements.length), ...elements]);
}

function textOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
