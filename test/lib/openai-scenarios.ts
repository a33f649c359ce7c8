// What a client of OpenAI's API does, with the official client: run against doubles beside the
// gateway and against a real cluster elsewhere. They hold for any model, so they check shapes,
// bounds and consequences, not words. `chatModel` null leaves the chats out.
import assert from 'node:assert/strict';
import OpenAI, { type APIError, BadRequestError, NotFoundError } from 'openai';

export interface ScenarioContext {
  /** With `/v1` at its end. */
  baseUrl: string;
  apiKey: string;
  model: string;
  chatModel: string | null;
}

export interface OpenaiScenario {
  name: string;
  run(context: ScenarioContext): Promise<void>;
}

interface SalvagePart {
  job_id: string;
  node: string | null;
  energy: { joules: number; method: string | null } | null;
  energy_null_because: string | null;
  timings: { output_tokens: number } | null;
}

const question = [{ role: 'user' as const, content: 'Tell me about the old radio.' }];
const prompt = 'Once upon a time';

const scenarios: OpenaiScenario[] = [
  {
    name: 'lists models and shows one',
    run: async (context) => {
      const client = clientOf(context);
      const list = await client.models.list();
      assert(list.data.some((model) => model.id === context.model));
      const one = await client.models.retrieve(context.model);
      assert.deepEqual([one.id, one.object], [context.model, 'model']);
    },
  },
  {
    name: 'answers a chat, with usage and what it cost',
    run: async (context) => {
      if (context.chatModel === null) return;
      const answer = await clientOf(context).chat.completions.create({
        model: context.chatModel,
        messages: [{ role: 'developer', content: 'Be short.' }, ...question],
        max_completion_tokens: 12,
        temperature: 0,
      });
      assert.equal(answer.object, 'chat.completion');
      assert.equal(answer.choices[0]?.message.role, 'assistant');
      assert(answer.choices[0]?.message.content);
      const { usage } = answer;
      assert(usage !== undefined && usage.prompt_tokens > 0 && usage.completion_tokens > 0);
      assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
      checkSalvage(answer);
    },
  },
  {
    name: 'takes a chat whose content comes in parts',
    run: async (context) => {
      if (context.chatModel === null) return;
      const answer = await clientOf(context).chat.completions.create({
        model: context.chatModel,
        messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello.' }] }],
        max_tokens: 3,
      });
      assert.equal(typeof answer.choices[0]?.message.content, 'string');
    },
  },
  {
    name: 'completes a text',
    run: async (context) => {
      const answer = await complete(context, { max_tokens: 12 });
      assert.equal(answer.object, 'text_completion');
      assert(answer.choices[0]?.text);
      checkSalvage(answer);
    },
  },
  {
    name: 'streams a completion that equals the whole one',
    run: async (context) => {
      const request = { model: context.model, prompt, max_tokens: 16, temperature: 0, seed: 1 };
      const whole = await clientOf(context).completions.create(request);
      const stream = await clientOf(context).completions.create({ ...request, stream: true });
      let text = '';
      let reason: string | null = null;
      let last: unknown = null;
      for await (const chunk of stream) {
        text += chunk.choices[0]?.text ?? '';
        reason = chunk.choices[0]?.finish_reason ?? reason;
        last = chunk;
      }
      assert.equal(text, whole.choices[0]?.text);
      assert.equal(reason, whole.choices[0]?.finish_reason);
      checkSalvage(last);
    },
  },
  {
    name: 'streams a chat with usage in its last chunk',
    run: async (context) => {
      if (context.chatModel === null) return;
      const stream = await clientOf(context).chat.completions.create({
        model: context.chatModel,
        messages: question,
        max_tokens: 8,
        stream: true,
        stream_options: { include_usage: true },
      });
      let role: string | undefined;
      let last: OpenAI.ChatCompletionChunk | null = null;
      for await (const chunk of stream) {
        role ??= chunk.choices[0]?.delta.role;
        last = chunk;
      }
      assert.equal(role, 'assistant');
      assert.deepEqual(last?.choices, []);
      assert(last.usage !== null && last.usage !== undefined && last.usage.completion_tokens > 0);
      checkSalvage(last);
    },
  },
  {
    name: 'serves on after a client left in the middle of a stream',
    run: async (context) => {
      const stream = await clientOf(context).completions.create({
        model: context.model,
        prompt,
        max_tokens: 4_000,
        stream: true,
      });
      for await (const _chunk of stream) break;
      stream.controller.abort();
      const next = await complete(context, { max_tokens: 4 });
      assert(next.choices[0]?.text !== undefined);
    },
  },
  {
    name: 'ends before a stop text',
    run: async (context) => {
      const free = await complete(context, { max_tokens: 24, temperature: 0 });
      const word = free.choices[0]?.text.trim().split(/\s+/)[2];
      if (word === undefined) return;
      for (const stop of [word, ['\u0001 never said', word]]) {
        const stopped = await complete(context, { max_tokens: 24, temperature: 0, stop });
        assert(!stopped.choices[0]?.text.includes(word), `${word} is in the answer`);
        assert.equal(stopped.choices[0]?.finish_reason, 'stop');
      }
    },
  },
  {
    name: 'keeps to max_tokens',
    run: async (context) => {
      const answer = await complete(context, { max_tokens: 5 });
      const made = answer.usage?.completion_tokens ?? 0;
      assert(made <= 5, `${made} tokens`);
      if (answer.choices[0]?.finish_reason === 'length') assert.equal(made, 5);
    },
  },
  {
    name: 'answers in JSON that its schema accepts',
    run: async (context) => {
      if (context.chatModel === null) return;
      const answer = await clientOf(context).chat.completions.create({
        model: context.chatModel,
        messages: question,
        max_tokens: 300,
        response_format: {
          type: 'json_schema',
          json_schema: {
            name: 'mood',
            strict: true,
            schema: {
              type: 'object',
              properties: {
                mood: { type: 'string', enum: ['glad', 'sad'] },
                sunny: { type: 'boolean' },
              },
              required: ['mood', 'sunny'],
              additionalProperties: false,
            },
          },
        },
      });
      const value = JSON.parse(answer.choices[0]?.message.content ?? '') as Record<string, unknown>;
      assert.deepEqual(Object.keys(value).sort(), ['mood', 'sunny']);
      assert(value['mood'] === 'glad' || value['mood'] === 'sad');
      assert.equal(typeof value['sunny'], 'boolean');
    },
  },
  {
    name: 'says which models there are when asked for another',
    run: async (context) => {
      const error = await refusalOf(NotFoundError, () =>
        clientOf(context).completions.create({ model: 'no-such-model', prompt }),
      );
      assert.equal(error.code, 'model_not_found');
      assert(error.message.includes(context.model), error.message);
    },
  },
  {
    name: 'names the parameter that is wrong',
    run: async (context) => {
      const hot = await refusalOf(BadRequestError, () => complete(context, { temperature: 99 }));
      assert.deepEqual([hot.code, hot.param], ['SLV_REQUEST', 'temperature']);
      const many = await refusalOf(BadRequestError, () => complete(context, { n: 2 }));
      assert.equal(many.param, 'n');
    },
  },
  {
    name: 'refuses tools and says what would have them',
    run: async (context) => {
      const error = await refusalOf(BadRequestError, () =>
        clientOf(context).chat.completions.create({
          model: context.chatModel ?? context.model,
          messages: question,
          tools: [{ type: 'function', function: { name: 'lamp', parameters: {} } }],
        }),
      );
      assert.deepEqual([error.code, error.param], ['SLV_ENGINE_CANNOT', 'tools']);
      assert.match(error.message, /llama-server/);
    },
  },
  {
    name: 'refuses a prompt that is too long, streamed or not',
    run: async (context) => {
      const long = 'many '.repeat(60_000);
      for (const stream of [false, true]) {
        const error = await refusalOf(BadRequestError, () =>
          clientOf(context).completions.create({ model: context.model, prompt: long, stream }),
        );
        assert.equal(error.code, 'SLV_PROMPT_TOO_LONG');
      }
    },
  },
];

export const openaiScenarios: readonly OpenaiScenario[] = scenarios;

function clientOf(context: ScenarioContext): OpenAI {
  return new OpenAI({ baseURL: context.baseUrl, apiKey: context.apiKey, maxRetries: 0 });
}

function complete(
  context: ScenarioContext,
  settings: Partial<OpenAI.CompletionCreateParamsNonStreaming>,
): Promise<OpenAI.Completion> {
  return clientOf(context).completions.create({ model: context.model, prompt, ...settings });
}

async function refusalOf<Kind extends APIError>(
  kind: new (...given: never[]) => Kind,
  act: () => Promise<unknown>,
): Promise<Kind> {
  try {
    await act();
  } catch (error) {
    assert(error instanceof kind, `not a ${kind.name}: ${String(error)}`);
    return error;
  }
  throw new assert.AssertionError({ message: `no ${kind.name} came` });
}

/** Every answer says what it cost, or why that is not known: never a bare zero. */
function checkSalvage(body: unknown): void {
  const { salvage } = body as { salvage?: SalvagePart };
  assert(salvage !== undefined, 'the salvage block is missing');
  assert.match(salvage.job_id, /^job-[a-z2-7]{16}$/);
  assert.equal(typeof salvage.node, 'string');
  assert((salvage.timings?.output_tokens ?? 0) > 0);
  if (salvage.energy === null) assert(salvage.energy_null_because);
  else assert(salvage.energy.joules > 0 && salvage.energy.method !== null);
}
