// Reads tool calls back from what a chat template writes for them: finds the syntax in the template's source, renders turns that
// call tools, and parses the text of each turn as the text of an answer.
import { isDeepStrictEqual } from 'node:util';
import { errorText } from '../../base/error-text.ts';
import { readerOf, type SectionRules } from '../../gateway/api/answers/messages/sections.ts';
import { argumentKinds } from '../../gateway/api/text/calls/argument-kinds.ts';
import { namedSyntaxOf } from '../../gateway/api/text/calls/syntaxes.ts';
import { templateMessages } from '../../gateway/api/text/chat-messages.ts';
import type { ChatTemplate } from '../../gateway/api/text/template.ts';
import { thinkingState, thinkingTagsOf } from '../../gateway/api/text/thinking.ts';
import type { CallableTool, CallSyntax } from '../../gateway/constraints/specification.ts';
import { asked, type Call, callingMessage, callTurns, TWO_CALLS, tools } from './call-conversations.ts';
import { keptHolder } from './held.ts';

export interface CallsOf {
  /** Name of the syntax. Undefined: the template shows no known one. */
  syntax: string | undefined;
  /** Begin tag of thinking, if the template has a known one. */
  thinking: string | undefined;
  /** Whether the template mentions tools. If it does not, the API refuses them. */
  tools: boolean;
  turns: Turn[];
}

/** `hidden`: the template leaves the calls out. */
export interface Turn {
  turn: string;
  outcome: 'same' | 'differ' | 'hidden' | 'refused';
  /** What the template writes for the turn, or why it refuses it. */
  text: string;
  /** What was read from it. */
  read?: string;
  /** Whether the grammar accepts the text, if its tags are special tokens and if they are not. Only for `same`. */
  held?: boolean;
}

/** A word for the table: what became of the calls of all turns. */
export function resultOfCalls({ syntax, tools, turns }: CallsOf): string {
  if (syntax === undefined) return tools ? 'not supported' : 'none';
  const { same = [], differ = [] } = Object.groupBy(turns, ({ outcome }) => outcome);
  const single = same.length === turns.length - 1 && same.every(({ turn }) => turn !== TWO_CALLS);
  const result = differ.length > 0 ? 'differ' : same.length === 0 ? 'not written' : 'same';
  const notes = [
    ...(result === 'same' && single ? ['one call'] : []),
    ...(same.some(({ held }) => held === false) ? ['not all held'] : []),
    ...(tools ? [] : ['no tools shown']),
  ];
  return [`${syntax}: ${result}`, ...notes].join(', ');
}

export function callsOf(template: ChatTemplate): CallsOf {
  const { source } = template;
  const thinking = thinkingTagsOf(source)?.begin;
  const tools = /\btools\b/.test(source);
  const found = namedSyntaxOf({ source, specials: [] });
  if (found === undefined) return { syntax: undefined, thinking, tools, turns: [] };
  const turns = Object.entries(callTurns).map(([turn, calls]) => {
    return { turn, ...turnOf(calls, template, found.syntax) };
  });
  return { syntax: found.name, thinking, tools, turns };
}

function turnOf(calls: readonly Call[], template: ChatTemplate, syntax: CallSyntax): Omit<Turn, 'turn'> {
  let written: Written;
  try {
    written = writtenTurn(calls, template);
  } catch (error) {
    return { outcome: 'refused', text: errorText(error) };
  }
  const { prompt, text } = written;
  if (calls.some(({ name }) => !text.includes(name))) return { outcome: 'hidden', text };
  const { calls: made, content } = readAnswer(text, rulesOf(prompt, template, syntax));
  if (!isDeepStrictEqual(made, calls) || !isEnd(content)) {
    return { outcome: 'differ', text, read: JSON.stringify([content, made]) };
  }
  const end = content.trim();
  const answer = (end === '' ? text : text.slice(0, text.lastIndexOf(end))).trimEnd();
  const held = [true, false].every((special) => {
    return keptHolder(syntax, { tools: callable(syntax), special })(answer);
  });
  return { outcome: 'same', text, held };
}

interface Written {
  /** The text before the turn. */
  prompt: string;
  /** The turn as an answer, without what ends it. */
  text: string;
}

/** A text that no template writes by itself. */
const MARK = '§§';

/** Finds the turn by comparing it with a turn that says `MARK`. */
function writtenTurn(calls: readonly Call[], template: ChatTemplate): Written {
  const written = (message: Parameters<typeof templateMessages>[0][number]) => {
    const messages = templateMessages([asked, message], template);
    return template.render({ messages, tools, ending: 'none' });
  };
  const called = written(callingMessage(calls));
  const said = written({ role: 'assistant', content: MARK });
  const before = Math.min(lengthOfCommon(called, said), said.lastIndexOf(MARK));
  const prompt = template.render({ messages: templateMessages([asked], template), tools });
  const from = called.startsWith(prompt) ? prompt.length : before;
  const ending = said.slice(said.lastIndexOf(MARK) + MARK.length);
  const to = ending !== '' && called.endsWith(ending) ? called.length - ending.length : called.length;
  return { prompt: called.slice(0, from), text: called.slice(from, to) };
}

function lengthOfCommon(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

function callable(syntax: CallSyntax): CallableTool[] {
  return tools.map(({ function: { name, parameters = {} } }): CallableTool => {
    const own = { name, parameters: JSON.stringify(parameters) };
    return syntax.arguments.form === 'elements' ? { ...own, kinds: argumentKinds(parameters) } : own;
  });
}

function rulesOf(prompt: string, { source }: ChatTemplate, syntax: CallSyntax): SectionRules {
  const calls = { syntax, tools: callable(syntax) };
  const { channels } = syntax;
  if (channels !== undefined) return { calls, channels: { channels } };
  const tags = thinkingTagsOf(source);
  if (tags === undefined) return { calls };
  const state = thinkingState(prompt, tags);
  return state === 'closed' ? { calls } : { calls, thinking: { ...tags, open: state === 'open' } };
}

function readAnswer(text: string, rules: SectionRules): { calls: Call[]; content: string } {
  const reader = readerOf(rules);
  const read = { content: '', calls: [] as { name: string; json: string }[] };
  for (const stretch of [...reader.push(text), ...reader.end({ cut: false })]) {
    const last = read.calls.at(-1);
    if (stretch.kind === 'content') read.content += stretch.text;
    else if (stretch.kind === 'call') read.calls.push({ name: stretch.name ?? '', json: '' });
    else if (stretch.kind === 'arguments' && last !== undefined) last.json += stretch.text;
  }
  const calls = read.calls.map(({ name, json }) => ({ name, args: argsOf(json) }));
  return { content: read.content, calls };
}

function argsOf(json: string): Record<string, unknown> {
  try {
    return JSON.parse(json);
  } catch {
    return { 'not JSON': json };
  }
}

/** Whether the text is only tokens that end a turn. */
function isEnd(text: string): boolean {
  return /^(?:\s|<[|｜]?[^<>]+[|｜]?>)*$/.test(text);
}
