// Renders the checkpoint's chat template (Jinja). The only importer of the library that parses it; knows no tokens.

import path from 'node:path';
import { parse, tokenize } from '@huggingface/jinja';
import { errorText } from '../../../base/error-text.ts';
import { requireNoChains, requireSupported } from './jinja/check.ts';
import { evaluate } from './jinja/evaluate.ts';
import { Scope } from './jinja/expressions.ts';
import { type Clock, globalsOf } from './jinja/globals.ts';
import type { Node } from './jinja/nodes.ts';
import { toValue } from './jinja/values.ts';
import { readTextFile } from './json-file.ts';

/** What a template sees of a message, as Hugging Face's templates have it. */
export interface TemplateMessage {
  role: 'system' | 'user' | 'assistant' | 'tool';
  /** Null of an assistant that only calls tools. */
  content: string | null;
  name?: string;
  reasoning_content?: string;
  tool_calls?: TemplateCall[];
  tool_call_id?: string;
}

export interface TemplateCall {
  id: string;
  type: 'function';
  /** Arguments are an object, or a text where they are not JSON. */
  function: { name: string; arguments: unknown };
}

export interface TemplateTool {
  type: 'function';
  function: { name: string; description?: string; parameters?: Record<string, unknown> };
}

export interface Conversation {
  messages: readonly TemplateMessage[];
  tools?: readonly TemplateTool[];
  documents?: readonly Record<string, unknown>[];
  /** Further variables; none of `reservedVariables`. */
  variables?: Record<string, unknown>;
  /** What the prompt ends with: the assistant's turn begun (default), its final message as far as it is written, nothing more. */
  ending?: 'turn' | 'final message' | 'none';
}

/** What no caller may set: the conversation itself, special tokens' names, functions. */
export const reservedVariables = [
  'messages',
  'tools',
  'documents',
  'add_generation_prompt',
  'continue_final_message',
  'bos_token',
  'eos_token',
  'raise_exception',
  'strftime_now',
  'namespace',
  'range',
  'dict',
  'true',
  'false',
  'none',
  'True',
  'False',
  'None',
] as const;

export interface ChatTemplate {
  /** Jinja. */
  readonly source: string;
  /** The prompt's text, ending where the assistant begins to write. Throws what the template raises. */
  render(conversation: Conversation): string;
}

export interface TemplateTokens {
  bos: string | undefined;
  eos: string | undefined;
  /** By the names that templates have for them: `pad_token`, … */
  others?: Readonly<Record<string, string>>;
}

/** Throws if `source` cannot be parsed, or if it uses what the evaluator lacks. */
export function compileTemplate(
  source: string,
  { bos, eos, others = {} }: TemplateTokens,
  clock: Clock = { now: () => new Date() },
): ChatTemplate {
  const program = parsed(source);
  requireSupported(program);
  const globals = globalsOf(clock);
  return {
    source,
    // Null and not absent if there are none, as Hugging Face has it.
    render: ({ messages, tools = [], documents = [], variables = {}, ending = 'turn' }) => {
      const scope = new Scope();
      for (const [name, value] of Object.entries(globals)) scope.set(name, value);
      const given = {
        ...others,
        ...variables,
        messages,
        tools: tools.length > 0 ? tools : null,
        documents: documents.length > 0 ? documents : null,
        add_generation_prompt: ending === 'turn',
        bos_token: bos ?? '',
        eos_token: eos ?? '',
      };
      for (const [name, value] of Object.entries(given)) scope.set(name, toValue(value));
      return evaluate([program], scope);
    },
  };
}

/** The library renders, too, but not as Python does; only its parser is used. */
function parsed(source: string): Node {
  const tokens = tokenize(source, { lstrip_blocks: true, trim_blocks: true });
  requireNoChains(tokens);
  return parse(tokens) as unknown as Node;
}

export interface ChatTemplates {
  /** Undefined where there is none: a base model has no chat. */
  template: ChatTemplate | undefined;
  /** For conversations with tools, where the checkpoint has one of its own for them. */
  toolTemplate?: ChatTemplate;
}

/** For conversations with tools: as a checkpoint has it, and as a bundle does, which has no folders. */
const TOOL_USE_FILES = ['additional_chat_templates/tool_use.jinja', 'chat_template.tool_use.jinja'];

/**
 * The directory's templates: chat_template.jinja and the one for tools beside it, else tokenizer_config.json's `chat_template`
 * (a string, or a list of named ones of which `default` is taken, and `tool_use` for conversations with tools).
 */
export async function loadTemplates(
  dir: string,
  config: Record<string, unknown>,
  tokens: TemplateTokens,
): Promise<ChatTemplates> {
  const file = await readTextFile(path.join(dir, 'chat_template.jinja'));
  const [forTools] = (
    await Promise.all(TOOL_USE_FILES.map((name) => readTextFile(path.join(dir, name))))
  ).filter((text) => text !== undefined);
  const listed = 'tokenizer_config.json: chat_template';
  const where = file === undefined ? listed : 'chat_template.jinja';
  const sources: Sources = file === undefined ? configured(config.chat_template) : { default: file };
  const compile = (source: string, where: string) => {
    try {
      return compileTemplate(source, tokens);
    } catch (error) {
      const why = errorText(error);
      throw new Error(`${where}: ${why}. Rewrite that part, or remove the template to serve no chat.`, {
        cause: error,
      });
    }
  };
  const { default: source } = sources;
  const toolUse = forTools ?? sources.toolUse;
  const toolsWhere = forTools === undefined ? listed : 'tool_use.jinja';
  return {
    template: source === undefined ? undefined : compile(source, where),
    ...(toolUse !== undefined && { toolTemplate: compile(toolUse, toolsWhere) }),
  };
}

interface Sources {
  default?: string;
  toolUse?: string;
}

function configured(value: unknown): Sources {
  if (value === undefined || value === null) return {};
  if (typeof value === 'string') return { default: value };
  const list: unknown[] = Array.isArray(value) ? value : [];
  const sources = new Map<unknown, string>();
  for (const entry of list) {
    const { name, template } = (entry ?? {}) as { name?: unknown; template?: unknown };
    if (typeof template === 'string') sources.set(name, template);
  }
  const source = sources.get('default');
  const toolUse = sources.get('tool_use');
  if (source !== undefined) return { default: source, ...(toolUse !== undefined && { toolUse }) };
  throw new Error(
    'tokenizer_config.json: chat_template is neither a string nor a list with a template named "default"',
  );
}
