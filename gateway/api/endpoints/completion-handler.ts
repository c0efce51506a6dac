// The way of every request that generates: JSON, fields, model, plan, another gateway or the answer. Knows no endpoint: what
// differs between them is behind the seam below.
//
// Worked example: of {"model": "nano", "input": "Hi", "max_output_tokens": 5} the Responses endpoint makes the model "nano" and a
// plan of one chat prompt, whose errors on max_completion_tokens are told as errors on max_output_tokens.
import type { Context, Handler } from 'hono';
import type { PackedGrammar } from '../../constraints/specification.ts';
import type { AnswerPlan } from '../answers/respond.ts';
import { refuseLargeAnswer } from '../budget/answer-size.ts';
import type { MemoryLedger } from '../budget/ledger.ts';
import { type RequestContext, requestContext } from '../context.ts';
import { fromGeneration } from '../errors.ts';
import { type Peers, passOn } from '../peers/peers.ts';
import type { Relayed } from '../peers/relayed.ts';
import { noEffectHeaders } from '../requests/fields/no-effect.ts';
import { type Reading, withFields } from '../requests/read-fields.ts';
import { type FieldNames, namer, underOuterNames } from '../requests/renamed-fields.ts';
import { honoured } from '../requests/structured.ts';
import type { RecordEnv, RequestRecord } from '../telemetry/request-record.ts';
import { cacheSaltOf } from '../tenants/cache-salt.ts';
import { chooseModel, type Requester } from './models.ts';

/** One endpoint. Each of its steps throws ApiErrors. */
export interface Endpoint extends Relayed {
  /** Checks the body's fields; `null` ones are left out already. */
  read(fields: Record<string, unknown>): Asked;
}

export interface Asked {
  model: string;
  requester: Requester;
  /** Names of the fields that are accepted and change nothing; see no-effect.ts. */
  noEffect: readonly string[];
  /** How errors of what follows name the caller's fields; absent: as they are. */
  names?: FieldNames;
  plan(context: RequestContext): Promise<Planned>;
}

export interface Planned {
  plan: AnswerPlan;
  respond(c: Context, record: RequestRecord): Promise<Response>;
}

/** Paths that are told of what an answer is not held to. */
export const MOST_SCHEMA_NOTES = 20;

interface HandlerOptions extends Reading {
  peers: Peers | undefined;
}

/** It is in memory until the answer's end, also while the request waits. Throws a 429 if that memory is not free for its owner now. */
function holdGrammar(grammar: PackedGrammar | undefined, record: RequestRecord, ledger: MemoryLedger): void {
  if (grammar === undefined) return;
  record.holding = ledger.open(record.owner.name);
  if (record.holding.grow(grammar.packed.byteLength)) return;
  const message = "the gateway's memory for requests is taken for now, or your key's part of it";
  throw fromGeneration({ code: 'queue_full', message, retryable: true });
}

export function completionHandler(
  endpoint: Endpoint,
  { peers, ...reading }: HandlerOptions,
): Handler<RecordEnv> {
  const { served, slices } = reading;
  return async (c) => {
    const { owner } = c.get('record');
    return await withFields(c.req.raw, { ...reading, owner }, (fields) => answerTo(c, fields));
  };

  async function answerTo(c: Context<RecordEnv>, fields: Record<string, unknown>): Promise<Response> {
    const record = c.get('record');
    const { owner } = record;
    const asked = await slices.turn(owner, () => endpoint.read(fields));
    const chosen = chooseModel(asked.model, asked.requester, { served, requestId: record.id });
    const context = requestContext(chosen, record);
    record.requestedModel = asked.model;
    record.model = context.model.id;
    return await underOuterNames(asked.names ?? [], async () => {
      const { plan, respond } = await slices.turn(owner, () => asked.plan(context));
      const idle = noEffectHeaders([
        ...asked.noEffect,
        ...(plan.noEffect ?? []).map(namer(asked.names ?? [])),
      ]);
      const { grammar, notes } = await honoured(plan.constraint, plan.asked ?? [], {
        owner: record.key?.name ?? '',
        signal: record.signal,
        onTook: (ms) => context.slices.charge(record.key?.name, ms),
      });
      plan.grammar = grammar;
      holdGrammar(grammar, record, context.ledger);
      record.schemaNotes = notes.slice(0, MOST_SCHEMA_NOTES).map(namer(asked.names ?? []));
      const { info } = context.engine;
      refuseLargeAnswer(plan, info, context.ledger.largest);
      const times = info.sharesPrefixes ? 1 : plan.made;
      record.admit(times * plan.prompts.reduce((total, { prompt }) => total + prompt.length, 0));
      const salt = cacheSaltOf({ named: plan.request.cache_salt, owner: record.prefixOwner });
      const worth = peers !== undefined && info.sharesPrefixes;
      const work = { fields, planned: plan, salt, record, relayed: endpoint };
      const passed = worth ? await passOn(c.req.raw, peers, work) : undefined;
      record.passedOn = passed !== undefined;
      const answer = passed ?? (await respond(c, record));
      // Of a relayed answer as well: its gateway was not sent all that was asked here.
      for (const [name, value] of Object.entries(idle)) answer.headers.set(name, value);
      return answer;
    });
  }
}
