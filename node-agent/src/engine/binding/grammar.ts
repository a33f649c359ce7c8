// The grammar of a constrained answer, and its state after what was already sent. Two rules of the
// library's text are put right: it asks for four blank lines after the JSON (here the answer ends
// with the JSON), and its whole numbers may carry an exponent (1e-5 is none).
import { SalvageError } from '@salvage/kit';
import type { Llama, LlamaGrammarEvaluationState, LlamaModel } from 'node-llama-cpp';
import { grammarSchema, type JsonObject } from './json-schema.ts';

const rootTail = ' "\\n\\n\\n\\n" [\\n]*';
const integerRule = /^(integer-number-rule ::=).*$/m;

/**
 * Grammar state for a new answer, advanced over the `sent` tokens of one that goes on. Throws
 * SLV_ENGINE_CANNOT for a schema that it cannot keep, and for sent tokens that do not match it.
 */
export async function grammarFor(
  library: typeof import('node-llama-cpp'),
  model: LlamaModel,
  schema: JsonObject,
  sent: readonly number[],
): Promise<LlamaGrammarEvaluationState> {
  const translated = grammarSchema(schema);
  if (!translated.ok) {
    throw new SalvageError(
      'SLV_ENGINE_CANNOT',
      `this engine cannot keep an answer to this JSON Schema: ${translated.reasons.join('; ')}`,
    );
  }
  const { llama } = model;
  let state: LlamaGrammarEvaluationState;
  try {
    const written = await llama.createGrammarForJsonSchema(translated.schema as { type: 'object' });
    const grammar = await llama.createGrammar({ grammar: grammarText(written.grammar) });
    state = new library.LlamaGrammarEvaluationState({ model, grammar });
  } catch (thrown) {
    throw new SalvageError(
      'SLV_ENGINE_CANNOT',
      'llama.cpp makes no grammar of this JSON Schema: it is too large, or refers to itself',
      { cause: thrown },
    );
  }
  advance(llama, state, sent);
  return state;
}

/** The library's grammar text with both rules put right. */
export function grammarText(written: string): string {
  const [root = '', ...rules] = written.split('\n');
  if (!root.endsWith(rootTail)) throw new Error('the grammar does not end as it used to');
  const text = [root.slice(0, -rootTail.length), ...rules].join('\n');
  return text.replace(integerRule, '$1 "-"? ("0" | [1-9] [0-9]{0,15})');
}

/** The two functions of the addon that move a grammar's state; not in the library's types. */
interface GrammarDoor {
  canBeNextTokenForGrammarEvaluationState(state: unknown, token: number): boolean;
  acceptGrammarEvaluationStateToken(state: unknown, token: number): void;
}

function advance(llama: Llama, state: LlamaGrammarEvaluationState, sent: readonly number[]): void {
  if (sent.length === 0) return;
  const bindings = (llama as unknown as { _bindings?: { AddonSampler?: Partial<GrammarDoor> } })
    ._bindings?.AddonSampler;
  const inner = (state as unknown as { _state?: unknown })._state;
  const test = bindings?.canBeNextTokenForGrammarEvaluationState;
  const accept = bindings?.acceptGrammarEvaluationStateToken;
  if (test === undefined || accept === undefined || inner === undefined) {
    throw new SalvageError(
      'SLV_ENGINE_CANNOT',
      'this engine cannot go on with a constrained answer that was already begun',
    );
  }
  for (const token of sent) {
    if (!test(inner, token)) {
      throw new SalvageError(
        'SLV_ENGINE_CANNOT',
        'what was already sent of this answer does not match the JSON Schema',
      );
    }
    accept(inner, token);
  }
}
