// Shared by the tests of the syntaxes of tool calls: opens a model, reads texts with its parser, and writes texts under its grammar.
import type { CallRules } from '../../../../../gateway/api/answers/messages/calls.ts';
import {
  readerOf,
  type SectionRules,
  type Stretch,
} from '../../../../../gateway/api/answers/messages/sections.ts';
import { argumentKinds } from '../../../../../gateway/api/text/calls/argument-kinds.ts';
import { type TemplateCalls, templateCalls } from '../../../../../gateway/api/text/calls/template-calls.ts';
import { compileTemplate } from '../../../../../gateway/api/text/template.ts';
import { createTokenizer } from '../../../../../gateway/api/text/tokenizer.ts';
import { Constraints } from '../../../../../gateway/constraints/masks/constraints.ts';
import type { CallableTool, ConstraintSpec } from '../../../../../gateway/constraints/specification.ts';
import { vocabularyData } from '../../../../../gateway/constraints/vocabulary.ts';
import { type CallModel, callTools, tokenizerWith } from '../../../../support/models/call-models.ts';
import { generator } from '../../../constraints/writer.ts';

export type ReadCall = { name: string; json: string };
export interface ReadText {
  content: string;
  reasoning: string;
  calls: ReadCall[];
  withinCall: boolean;
}

/** Joins what a reader has read. */
export function joined(stretches: readonly Stretch[], withinCall: boolean): ReadText {
  const read: ReadText = { content: '', reasoning: '', calls: [], withinCall };
  for (const { kind, text, name } of stretches) {
    if (kind === 'call') read.calls.push({ name: name ?? '', json: '' });
    else if (kind === 'arguments') {
      const call = read.calls.at(-1);
      if (call !== undefined) call.json += text;
    } else read[kind] += text;
  }
  return read;
}

export function stretchesOf(
  pieces: readonly string[],
  rules: SectionRules,
  { cut = false }: { cut?: boolean } = {},
): { stretches: Stretch[]; withinCall: boolean } {
  const reader = readerOf(rules);
  const stretches = pieces.flatMap((piece) => reader.push(piece));
  stretches.push(...reader.end({ cut }));
  return { stretches, withinCall: reader.withinCall };
}

export function read(pieces: readonly string[], rules: SectionRules): ReadText {
  const { stretches, withinCall } = stretchesOf(pieces, rules);
  return joined(stretches, withinCall);
}

export interface OpenModel {
  calls: TemplateCalls;
  rules: SectionRules & { calls: CallRules };
  /** The ids of a text, in which names of special tokens are these tokens. */
  ids: (text: string) => number[];
  /** The text that the parser gets for these ids. */
  text: (ids: readonly number[]) => string;
  spec: (
    fields?: Partial<Extract<ConstraintSpec, { type: 'tool_calls' }>>,
  ) => Extract<ConstraintSpec, { type: 'tool_calls' }>;
  accepts: (spec: ConstraintSpec, text: string) => boolean;
  /** Writes an answer of random tokens that the constraint allows, after the tokens of `begun`. */
  write: (
    spec: ConstraintSpec,
    options: { seed: number; begun?: string },
  ) => { ids: number[]; finished: boolean };
}

/** `special`: the tokenizer has the model's special tokens. Otherwise their names are ordinary text. */
export function openModel(model: CallModel, { special }: { special: boolean }): OpenModel {
  const tokenizer = createTokenizer(tokenizerWith(special ? model.specials : []));
  const endId = tokenizer.idOf('<|endoftext|>') ?? 0;
  const stops = special ? (model.stops ?? []).map((name) => tokenizer.idOf(name) ?? 0) : [];
  const stopIds = [endId, ...stops];
  const template = compileTemplate(model.template, { bos: undefined, eos: undefined });
  const calls = templateCalls(template, { tokenizer, stopIds });
  if (calls === undefined) throw new Error(`${model.name}: no syntax was found`);
  const { syntax, specials } = calls;
  const tools = callTools.map(({ function: { name, parameters } }): CallableTool => {
    const own = { name, parameters: JSON.stringify(parameters) };
    return syntax.arguments.form === 'elements' ? { ...own, kinds: argumentKinds(parameters) } : own;
  });
  const { channels } = syntax;
  const vocab = Math.max(...tokenizer.added.map(({ id }) => id)) + 1;
  const constraints = new Constraints(vocabularyData(vocab, (id) => tokenizer.bytes(id)));
  const open = (spec: ConstraintSpec) => constraints.open(spec, { stopIds });
  const ids = (text: string) => tokenizer.encode(text, { addSpecial: false });
  const allowed = (constraint: ReturnType<typeof open>) => {
    const logits = new Float32Array(vocab);
    constraint.allow(logits);
    return Array.from(logits.keys()).filter((id) => logits[id] !== Number.NEGATIVE_INFINITY);
  };
  return {
    calls,
    rules: { calls: { syntax, tools }, ...(channels && { channels: { channels } }) },
    ids,
    text: (all) => {
      const bytes = all.map((id) => {
        return calls.shown.includes(id) ? Buffer.from(tokenizer.specialName(id) ?? '') : tokenizer.bytes(id);
      });
      return Buffer.concat(bytes).toString();
    },
    spec: (fields = {}) => {
      return { type: 'tool_calls', mode: 'required', tools, parallel: true, syntax, specials, ...fields };
    },
    accepts: (spec, text) => {
      const constraint = open(spec);
      try {
        for (const id of ids(text)) constraint.advance(id);
      } catch (cause) {
        if (cause instanceof Error && cause.message.includes('is not allowed')) return false;
        throw cause;
      }
      return constraint.finished || allowed(constraint).includes(endId);
    },
    write: (spec, { seed, begun = '' }) => {
      const constraint = open(spec);
      const written = ids(begun);
      for (const id of written) constraint.advance(id);
      const random = generator(seed);
      while (written.length < 1500 && !constraint.finished) {
        const choices = allowed(constraint);
        const id = choices[Math.floor(random() * choices.length)] ?? endId;
        if (stopIds.includes(id)) return { ids: written, finished: true };
        constraint.advance(id);
        written.push(id);
      }
      return { ids: written, finished: constraint.finished };
    },
  };
}
