// Loads and renders the checkpoint's chat template, which is written in Jinja. Only this file imports the library that parses
// templates.
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
import { habitsOf, type TemplateHabits } from './template-habits.ts';
import { prepared } from './template-source.ts';

/** A message in the form that chat templates for Hugging Face's transformers expect. */
export interface TemplateMessage {
  role: 'system' | 'user' | 'assistant' | 'tool';
  /** Null if an assistant message contains only tool calls. */
  content: string | null;
  name?: string;
  reasoning_content?: string;
  /** The name that GPT-OSS's template has for `reasoning_content`. */
  thinking?: string;
  tool_calls?: TemplateCall[];
  tool_call_id?: string;
}

export interface TemplateCall {
  id: string;
  type: 'function';
  /** `arguments` is parsed JSON, or the text itself if it is not valid JSON or if the template expects text. */
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
  /** Further variables of the template. None of them is in `reservedVariables`. */
  variables?: Record<string, unknown>;
  /**
   * `turn` (default): the prompt ends with the beginning of an assistant's turn. `final message`: it ends within the final message,
   * which the answer continues. `none`: it ends after the final message.
   */
  ending?: 'turn' | 'final message' | 'none';
  /** The time that `strftime_now` writes, in Unix seconds. Default: now. */
  time?: number | undefined;
}

/** Variables that no request may set: the conversation, names of special tokens, and the functions and constants of Jinja. */
export const reservedVariables: readonly string[] = [
  ...['messages', 'tools', 'documents', 'add_generation_prompt', 'continue_final_message'],
  ...['bos_token', 'eos_token', ...Object.keys(globalsOf({ now: () => new Date() }))],
];

export interface ChatTemplate {
  /** The template's text, in Jinja. */
  readonly source: string;
  readonly habits: TemplateHabits;
  /** Returns the prompt as text. Throws the errors that the template raises. */
  render(conversation: Conversation): string;
}

/** Names of special tokens that a template may write. */
interface TemplateTokens {
  bos: string | undefined;
  eos: string | undefined;
  /** Names of further special tokens, each under its variable in templates, such as `pad_token`. */
  others?: Readonly<Record<string, string>>;
}

/** Throws if `source` cannot be parsed, or if it uses features that the evaluator lacks. */
export function compileTemplate(
  source: string,
  { bos, eos, others = {} }: TemplateTokens,
  clock: Clock = { now: () => new Date() },
): ChatTemplate {
  const program = parsed(source);
  const globals = globalsOf(clock);
  requireSupported(program);
  return {
    source,
    habits: habitsOf(source),
    // As in transformers, `tools` and `documents` are null if there are none.
    render: ({ messages, tools = [], documents = [], variables = {}, ending = 'turn', time }) => {
      const scope = new Scope();
      const own = time === undefined ? globals : globalsOf({ now: () => new Date(1000 * time) });
      for (const [name, value] of Object.entries(own)) scope.set(name, value);
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

/** Uses only the library's parser, because its renderer differs from Jinja in Python. */
function parsed(source: string): Node {
  const tokens = tokenize(prepared(source), { lstrip_blocks: true, trim_blocks: true });
  requireNoChains(tokens);
  return parse(tokens) as unknown as Node;
}

export interface ChatTemplates {
  /** Undefined if the checkpoint has no template, as is usual for a base model. */
  template: ChatTemplate | undefined;
  /** The template for conversations with tools, if the checkpoint has a separate one. */
  toolTemplate?: ChatTemplate;
}

/** Paths of the template for tools: the first one is used in checkpoints, the second one in bundles, which have no folders. */
const TOOL_USE_FILES = ['additional_chat_templates/tool_use.jinja', 'chat_template.tool_use.jinja'];

/**
 * Loads the templates from files in `dir`, or else from the field `chat_template` of `config` (tokenizer_config.json).
 * The field is a string, or a list of named templates: `default` and, if there is one, `tool_use`.
 */
export async function loadTemplates(
  dir: string,
  config: Record<string, unknown>,
  tokens: TemplateTokens,
): Promise<ChatTemplates> {
  const file = await readTextFile(path.join(dir, 'chat_template.jinja'));
  const toolFiles = await Promise.all(TOOL_USE_FILES.map((name) => readTextFile(path.join(dir, name))));
  const forTools = toolFiles.find((text) => text !== undefined);
  const listed = 'tokenizer_config.json: chat_template';
  const where = file === undefined ? listed : 'chat_template.jinja';
  const named = file === undefined ? configured(config.chat_template) : new Map([['default', file]]);
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
  const source = named.get('default');
  const toolUse = forTools ?? named.get('tool_use');
  const toolsWhere = forTools === undefined ? listed : 'tool_use.jinja';
  return {
    template: source === undefined ? undefined : compile(source, where),
    ...(toolUse !== undefined && { toolTemplate: compile(toolUse, toolsWhere) }),
  };
}

/** Templates by name, from the field `chat_template`. */
function configured(value: unknown): ReadonlyMap<unknown, string> {
  if (value === undefined || value === null) return new Map();
  if (typeof value === 'string') return new Map([['default', value]]);
  const list: unknown[] = Array.isArray(value) ? value : [];
  const named = new Map<unknown, string>();
  for (const entry of list) {
    const { name, template } = (entry ?? {}) as { name?: unknown; template?: unknown };
    if (typeof template === 'string') named.set(name, template);
  }
  if (named.has('default')) return named;
  throw new Error(
    'tokenizer_config.json: chat_template is neither a string nor a list with a template named "default"',
  );
}
