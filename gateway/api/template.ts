// Renders the checkpoint's chat template (Jinja). The only importer of the template engine; knows no tokens.
import path from 'node:path';
import { Template } from '@huggingface/jinja';
import { readTextFile } from './json-file.ts';

/** What a template sees of a message. */
export interface TemplateMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface ChatTemplate {
  /** The prompt's text, ending where the assistant begins to write. Throws what the template raises. */
  render(messages: readonly TemplateMessage[]): string;
}

export interface TemplateTokens {
  bos: string | undefined;
  eos: string | undefined;
}

/** `source` is Jinja; throws where it cannot be parsed. */
export function compileTemplate(source: string, { bos, eos }: TemplateTokens): ChatTemplate {
  const template = new Template(source);
  return {
    render: (messages) =>
      template.render({ messages, add_generation_prompt: true, bos_token: bos ?? '', eos_token: eos ?? '' }),
  };
}

/**
 * The directory's template: chat_template.jinja, else tokenizer_config.json's `chat_template` (a string, or a list of
 * named ones of which `default` is taken). Undefined where there is none: a base model has no chat.
 */
export async function loadTemplate(
  dir: string,
  config: Record<string, unknown>,
  tokens: TemplateTokens,
): Promise<ChatTemplate | undefined> {
  const file = await readTextFile(path.join(dir, 'chat_template.jinja'));
  const source = file ?? configured(config.chat_template);
  if (source === undefined) return undefined;
  try {
    return compileTemplate(source, tokens);
  } catch (error) {
    const where = file === undefined ? 'tokenizer_config.json: chat_template' : 'chat_template.jinja';
    throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function configured(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  const list: unknown[] = Array.isArray(value) ? value : [];
  for (const entry of list) {
    const { name, template } = (entry ?? {}) as { name?: unknown; template?: unknown };
    if (name === 'default' && typeof template === 'string') return template;
  }
  throw new Error(
    'tokenizer_config.json: chat_template is neither a string nor a list with a template named "default"',
  );
}
