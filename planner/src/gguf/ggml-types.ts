// How ggml packs numbers, as llama.cpp v0.5.0 knows it (ggml-common.h): elements of one block and
// the bytes it takes. Types that were removed from GGUF files (Q4_2, Q4_0_4_4 and the like) are
// missing on purpose: that release cannot load them.

export interface GgmlType {
  name: string;
  /** A row's length is a multiple of this. */
  blockElements: number;
  blockBytes: number;
}

const rows: readonly (readonly [id: number, name: string, elements: number, bytes: number])[] = [
  [0, 'F32', 1, 4],
  [1, 'F16', 1, 2],
  [2, 'Q4_0', 32, 18],
  [3, 'Q4_1', 32, 20],
  [6, 'Q5_0', 32, 22],
  [7, 'Q5_1', 32, 24],
  [8, 'Q8_0', 32, 34],
  [9, 'Q8_1', 32, 36],
  [10, 'Q2_K', 256, 84],
  [11, 'Q3_K', 256, 110],
  [12, 'Q4_K', 256, 144],
  [13, 'Q5_K', 256, 176],
  [14, 'Q6_K', 256, 210],
  [15, 'Q8_K', 256, 292],
  [16, 'IQ2_XXS', 256, 66],
  [17, 'IQ2_XS', 256, 74],
  [18, 'IQ3_XXS', 256, 98],
  [19, 'IQ1_S', 256, 50],
  [20, 'IQ4_NL', 32, 18],
  [21, 'IQ3_S', 256, 110],
  [22, 'IQ2_S', 256, 82],
  [23, 'IQ4_XS', 256, 136],
  [24, 'I8', 1, 1],
  [25, 'I16', 1, 2],
  [26, 'I32', 1, 4],
  [27, 'I64', 1, 8],
  [28, 'F64', 1, 8],
  [29, 'IQ1_M', 256, 56],
  [30, 'BF16', 1, 2],
  [34, 'TQ1_0', 256, 54],
  [35, 'TQ2_0', 256, 66],
  [39, 'MXFP4', 32, 17],
  [40, 'NVFP4', 64, 36],
  [41, 'Q1_0', 128, 18],
  [42, 'Q2_0', 64, 18],
];

const types: ReadonlyMap<number, GgmlType> = new Map(
  rows.map(([id, name, blockElements, blockBytes]) => [id, { name, blockElements, blockBytes }]),
);

/** The type of a tensor's `type` field; null for one that llama.cpp v0.5.0 does not know. */
export function ggmlTypeOf(id: number): GgmlType | null {
  return types.get(id) ?? null;
}

/** `general.file_type` (llama.h, `llama_ftype`) as people write it. */
const fileTypes: ReadonlyMap<number, string> = new Map([
  [0, 'F32'],
  [1, 'F16'],
  [2, 'Q4_0'],
  [3, 'Q4_1'],
  [7, 'Q8_0'],
  [8, 'Q5_0'],
  [9, 'Q5_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K_S'],
  [12, 'Q3_K_M'],
  [13, 'Q3_K_L'],
  [14, 'Q4_K_S'],
  [15, 'Q4_K_M'],
  [16, 'Q5_K_S'],
  [17, 'Q5_K_M'],
  [18, 'Q6_K'],
  [19, 'IQ2_XXS'],
  [20, 'IQ2_XS'],
  [21, 'Q2_K_S'],
  [22, 'IQ3_XS'],
  [23, 'IQ3_XXS'],
  [24, 'IQ1_S'],
  [25, 'IQ4_NL'],
  [26, 'IQ3_S'],
  [27, 'IQ3_M'],
  [28, 'IQ2_S'],
  [29, 'IQ2_M'],
  [30, 'IQ4_XS'],
  [31, 'IQ1_M'],
  [32, 'BF16'],
  [36, 'TQ1_0'],
  [37, 'TQ2_0'],
  [38, 'MXFP4_MOE'],
  [39, 'NVFP4'],
  [40, 'Q1_0'],
  [41, 'Q2_0'],
]);

export function fileTypeOf(id: number): string | null {
  return fileTypes.get(id) ?? null;
}

/** Names that only repositories use: a wider embedding, or wider types where they help most. */
const otherNames = [
  'Q2_K_L',
  'Q3_K_XL',
  'Q4_K_L',
  'Q5_K_L',
  'Q6_K_L',
  'Q2_K_XL',
  'Q4_K_XL',
  'Q5_K_XL',
  'Q6_K_XL',
  'Q8_K_XL',
];

/** Every quantisation's name, longest first: for finding one in a file's name. */
export const quantNames: readonly string[] = [
  ...new Set([...fileTypes.values(), ...rows.map(([, name]) => name), ...otherNames]),
].sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
