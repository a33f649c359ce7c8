// What OpenAI's API has and the engines here have not, pure: refused by name, saying what would do
// it, instead of being ignored and answered wrongly.
import type { Problem } from './problem.ts';

const server = 'llama-server, an engine this cluster does not run yet';
const needs = {
  tools: `tool calls come with ${server}; leave it out for a plain or JSON answer`,
  logprobs: `token probabilities come with ${server}; leave it out`,
  media: `images, audio and files need a multimodal model on ${server}; send text`,
  many: 'one request is one answer here; send several requests',
  echo: 'answers hold the new text only; put the prompt in front yourself',
  suffix: 'filling in the middle is not done here; leave it out',
} as const;

/** Parameter -> what it would need. */
const parameters: Record<string, keyof typeof needs> = {
  tools: 'tools',
  tool_choice: 'tools',
  functions: 'tools',
  function_call: 'tools',
  logprobs: 'logprobs',
  top_logprobs: 'logprobs',
  audio: 'media',
  modalities: 'media',
  n: 'many',
  best_of: 'many',
  echo: 'echo',
  suffix: 'suffix',
};

/** Sampling parameters that are not applied; an answer without them is still an answer. */
const notApplied = ['frequency_penalty', 'presence_penalty', 'logit_bias'] as const;

/** The first parameter that asks for something that is not there; null when there is none. */
export function refuseParameters(body: Record<string, unknown>): Problem | null {
  for (const [name, need] of Object.entries(parameters)) {
    if (!Object.hasOwn(body, name) || isHarmless(name, body[name])) continue;
    return cannot(name, need);
  }
  return null;
}

export function cannot(param: string, need: keyof typeof needs): Problem {
  const hint = needs[need];
  return { code: 'SLV_ENGINE_CANNOT', message: `${param} is not supported`, param, hint };
}

/** Names of parameters that were given and change nothing, for a header. */
export function ignoredParameters(body: Record<string, unknown>): string[] {
  return notApplied.filter((name) => Object.hasOwn(body, name) && !isEmpty(body[name]));
}

/** Values that say "as if this parameter were not there". */
function isHarmless(name: string, value: unknown): boolean {
  if (name === 'n' || name === 'best_of') return value === null || value === 1;
  // Plain completions count: 0 asks for the chosen token's probability alone.
  if (name === 'logprobs' && value === 0) return false;
  if (isEmpty(value)) return true;
  if (name === 'tool_choice' || name === 'function_call') return value === 'none';
  if (name === 'modalities') return Array.isArray(value) && value.every((kind) => kind === 'text');
  return false;
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === '') return true;
  if (value === 0) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
