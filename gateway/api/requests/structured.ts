// Translates request fields to the constraint of the answer. A constraint that is not supported is a 400.
import { ConstraintFault } from '../../constraints/fault.ts';
import { GrammarReader, ReaderBusy, type ReadOptions } from '../../constraints/reading/reader.ts';
import {
  type ConstraintSpec,
  type GrammarSpec,
  grammarIn,
  type PackedGrammar,
} from '../../constraints/specification.ts';
import { badRequest, fromGeneration, missingParameter } from '../errors.ts';
import type { TemplateCalls } from '../text/calls/template-calls.ts';
import { refuseDeep } from './depth.ts';
import type { ResponseFormat, StructuredFields } from './fields/structured-schema.ts';
import { refuseLoneSurrogatesIn } from './request-text.ts';

type ToolCallsSpec = Extract<GrammarSpec, { type: 'tool_calls' }>;

/** A specification in a request. `param` is the path of the field that contains it, for errors. */
export interface Asked {
  spec: GrammarSpec;
  param: string;
}

/** The constraint of an answer. */
interface Held {
  /** Undefined: any text is allowed. */
  form: GrammarSpec | undefined;
  /** The specifications in the request. `honoured` reads them before anything is generated. */
  asked: readonly Asked[];
}

/** The form that the request demands of its answer. Throws a 400 if two fields demand one. `honoured` refuses unsupported forms. */
export function constraintOf(request: StructuredFields): Held {
  const [first, second] = askedBy(request);
  if (first === undefined) return { form: undefined, asked: [] };
  if (second !== undefined) {
    const message = `Setting '${first.param}' and '${second.param}' at the same time is not supported.`;
    throw badRequest(message, { param: second.param, code: 'invalid_parameter_combination' });
  }
  return { form: first.spec, asked: [first] };
}

/**
 * Combines the form with the tools. Unless a tool must be called, an answer without calls must have the form. `frame`: how the model
 * writes calls, if its answers are divided into messages; then the form applies to one of the messages.
 */
export function answerConstraint(
  request: StructuredFields,
  calls: ToolCallsSpec | undefined,
  frame: TemplateCalls | undefined,
): Held {
  const content = constraintOf(request);
  if (calls === undefined) {
    const { form } = content;
    if (frame?.syntax.channels === undefined || form === undefined) return content;
    const none = { type: 'tool_calls' as const, mode: 'auto' as const, tools: [], parallel: false };
    return { ...content, form: { ...none, syntax: frame.syntax, specials: frame.specials, content: form } };
  }
  if (content.form === undefined || calls.mode === 'required') return { form: calls, asked: content.asked };
  return { form: { ...calls, content: content.form }, asked: content.asked };
}

/** One reader serves all models, because a specification means the same for all of them. */
const reader = new GrammarReader();

interface Honoured {
  /** The constraint's grammar, if it has one. */
  grammar: PackedGrammar | undefined;
  /** Paths in the request of schema parts that are not enforced. Strict schemas have no such parts. */
  notes: readonly string[];
}

/**
 * Reads the specifications. Throws a 400 for one that is not supported. The 400 names the field and, within a schema, the
 * keyword. Throws a 429 if too many specifications wait to be read.
 */
export async function honoured(
  constraint: ConstraintSpec | undefined,
  asked: readonly Asked[],
  options: ReadOptions,
): Promise<Honoured> {
  const notes: string[] = [];
  for (const each of asked) notes.push(...(await readAsked(each, options)).notes);
  const spec = grammarIn(constraint);
  if (spec === undefined) return { grammar: undefined, notes };
  const param = spec.type === 'tool_calls' ? 'tools' : (asked.at(-1)?.param ?? '');
  return { grammar: (await readAsked({ spec, param }, options)).grammar, notes };
}

async function readAsked({ spec, param }: Asked, options: ReadOptions) {
  try {
    const { notes, ...grammar } = await reader.read(spec, options);
    return { grammar, notes: notes.map((path) => param + path) };
  } catch (cause) {
    if (cause instanceof ReaderBusy) {
      throw fromGeneration({ code: 'queue_full', message: cause.message, retryable: true });
    }
    if (!(cause instanceof ConstraintFault)) throw cause;
    const at = param + cause.path;
    const isSchema = spec.type === 'json_schema' || spec.type === 'tool_calls';
    const code = isSchema ? 'invalid_json_schema' : 'invalid_value';
    throw badRequest(`Invalid '${at}': ${cause.message}.`, { param: at, code });
  }
}

function askedBy(request: StructuredFields): Asked[] {
  const { response_format, structured_outputs } = request;
  const { guided_json, guided_regex, guided_choice, guided_grammar } = request;
  const ours = { json: guided_json, regex: guided_regex, choice: guided_choice, grammar: guided_grammar };
  return [
    ...(response_format ? [formatAsked(response_format)] : []),
    ...guided(ours, (kind) => `guided_${kind}`),
    ...guided(structured_outputs ?? {}, (kind) => `structured_outputs.${kind}`),
  ].filter((asked) => asked !== undefined);
}

function formatAsked({ type, json_schema }: ResponseFormat): Asked | undefined {
  if (type === 'text') return undefined;
  if (type === 'json_object') return { spec: { type }, param: 'response_format' };
  const given = 'response_format.json_schema';
  if (!json_schema) throw missingParameter(given);
  const param = `${given}.schema`;
  const spec = schemaSpec(json_schema.schema, param);
  return { spec: json_schema.strict === false ? { ...spec, relaxed: true } : spec, param };
}

type Guided = NonNullable<StructuredFields['structured_outputs']>;

function guided(
  { json, json_object, regex, choice, grammar }: Guided,
  param: (kind: keyof Guided) => string,
): Asked[] {
  if (typeof json === 'string') refuseLoneSurrogatesIn(json, param('json'));
  const ofText = (schema: string): GrammarSpec => ({ type: 'json_schema', schema });
  const specs: [keyof Guided, GrammarSpec | false | null | undefined][] = [
    ['json', typeof json === 'string' ? ofText(json) : json && schemaSpec(json, param('json'))],
    ['json_object', json_object === true && { type: 'json_object' }],
    ['regex', typeof regex === 'string' && { type: 'regex', pattern: regex }],
    ['choice', choice && { type: 'choice', choices: choice }],
    ['grammar', typeof grammar === 'string' && { type: 'grammar', grammar }],
  ];
  return specs.flatMap(([kind, spec]) => (spec ? [{ spec, param: param(kind) }] : []));
}

function schemaSpec(
  schema: Record<string, unknown>,
  param: string,
): Extract<GrammarSpec, { type: 'json_schema' }> {
  refuseDeep(schema, param);
  return { type: 'json_schema', schema: JSON.stringify(schema) };
}
