// Makes the demo model's GGUF from a checkpoint of train.py:
// node --import tsx scripts/demo-model/to-gguf.ts --data FOLDER --out FILE
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { encodeValues, type GgufTensor, type GgufValue, writeGguf } from '@salvage/kit/gguf-write';
import { tokenOf, type Vocabulary } from './tokenizer.ts';

const contextTokens = 1024;

interface CheckpointHeader {
  config: {
    width: number;
    heads: number;
    layers: number;
    feedForward: number;
    normEpsilon: number;
    ropeTheta: number;
    steps: number;
  };
  tensors: { name: string; shape: number[] }[];
}

const chatTemplate = [
  '{{ bos_token }}',
  '{% for message in messages %}',
  "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}",
  '{% endfor %}',
  "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
].join('');

function metadataOf(
  { config }: CheckpointHeader,
  vocabulary: Vocabulary,
): Record<string, GgufValue> {
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  const f32 = (value: number): GgufValue => ({ type: 'f32', value });
  const string = (value: string): GgufValue => ({ type: 'string', value });
  const bool = (value: boolean): GgufValue => ({ type: 'bool', value });
  return {
    'general.architecture': string('llama'),
    'general.name': string('salvage demo'),
    'general.description': string('A very small model that tells stories about old machines.'),
    'general.license': string('apache-2.0'),
    // llama.cpp's llama_ftype: mostly Q8_0.
    'general.file_type': u32(7),
    'general.quantization_version': u32(2),
    'llama.context_length': u32(contextTokens),
    'llama.embedding_length': u32(config.width),
    'llama.block_count': u32(config.layers),
    'llama.feed_forward_length': u32(config.feedForward),
    'llama.attention.head_count': u32(config.heads),
    'llama.attention.head_count_kv': u32(config.heads),
    'llama.attention.layer_norm_rms_epsilon': f32(config.normEpsilon),
    'llama.rope.dimension_count': u32(config.width / config.heads),
    'llama.rope.freq_base': f32(config.ropeTheta),
    'llama.vocab_size': u32(vocabulary.tokens.length),
    'tokenizer.ggml.model': string('llama'),
    'tokenizer.ggml.tokens': { type: 'array', of: 'string', values: vocabulary.tokens },
    'tokenizer.ggml.scores': { type: 'array', of: 'f32', values: vocabulary.scores },
    'tokenizer.ggml.token_type': { type: 'array', of: 'i32', values: vocabulary.types },
    'tokenizer.ggml.unknown_token_id': u32(tokenOf.unknown),
    'tokenizer.ggml.bos_token_id': u32(tokenOf.begin),
    'tokenizer.ggml.eos_token_id': u32(tokenOf.finish),
    'tokenizer.ggml.eot_token_id': u32(tokenOf.end),
    'tokenizer.ggml.add_bos_token': bool(true),
    'tokenizer.ggml.add_eos_token': bool(false),
    'tokenizer.ggml.add_space_prefix': bool(false),
    'tokenizer.chat_template': string(chatTemplate),
  };
}

function tensorsOf(header: CheckpointHeader, values: Float32Array): GgufTensor[] {
  let at = 0;
  return header.tensors.map(({ name, shape }) => {
    const length = shape.reduce((product, one) => product * one, 1);
    const own = values.subarray(at, at + length);
    at += length;
    const type = shape.length === 1 ? 'F32' : 'Q8_0';
    return { name, type, dimensions: shape.toReversed(), pieces: () => [encodeValues(own, type)] };
  });
}

const { values: given } = parseArgs({
  options: { data: { type: 'string' }, out: { type: 'string' } },
});
if (given.data === undefined || given.out === undefined)
  throw new Error('usage: to-gguf.ts --data FOLDER --out FILE');
const vocabulary = JSON.parse(
  await readFile(join(given.data, 'vocabulary.json'), 'utf8'),
) as Vocabulary;
const bytes = await readFile(join(given.data, 'checkpoint.bin'));
const headerBytes = bytes.readUInt32LE(0);
const header = JSON.parse(bytes.toString('utf8', 4, 4 + headerBytes)) as CheckpointHeader;
const weights = new Float32Array(Uint8Array.from(bytes.subarray(4 + headerBytes)).buffer);
await writeGguf(given.out, metadataOf(header, vocabulary), tensorsOf(header, weights));
console.log(`${given.out}: ${JSON.stringify(header.config)}`);
