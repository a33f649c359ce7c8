// A chat as the text its model was trained on: rendered once, here, from the Jinja template in the
// GGUF, whatever engine answers. The engine only turns the text into token ids.

import { Template } from '@huggingface/jinja';
import { messageOf, SalvageError } from '@salvage/kit';
import type { ModelCard } from '../models/card.ts';

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** Parsed templates, for as long as their card lives. */
const parsed = new WeakMap<ModelCard, Template>();

/**
 * The prompt of a chat, with the assistant's turn opened. Dates (`strftime_now`) are the library's.
 * Throws SLV_TEMPLATE when the model has no template, or its template refuses the messages.
 */
export function renderChat(model: ModelCard, messages: readonly ChatMessage[]): string {
  if (model.chatTemplate === null) {
    throw new SalvageError('SLV_TEMPLATE', `${model.modelId} has no chat template`, {
      hint: 'send plain text to /v1/completions: this model only continues texts',
    });
  }
  try {
    const template = parsed.get(model) ?? new Template(model.chatTemplate);
    parsed.set(model, template);
    return template.render({
      messages,
      add_generation_prompt: true,
      bos_token: model.startTokenText ?? '',
      eos_token: model.endTokenText ?? '',
      tools: null,
      documents: null,
    });
  } catch (error) {
    const why = messageOf(error).slice(0, 300);
    throw new SalvageError('SLV_TEMPLATE', `the chat template of ${model.modelId} says: ${why}`, {
      hint: 'change the messages so that the template takes them, or use /v1/completions',
      cause: error,
    });
  }
}
