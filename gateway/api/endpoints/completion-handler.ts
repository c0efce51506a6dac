// The steps of every request that generates: read JSON and fields, choose the model, plan, then pass the request on to another
// gateway or answer it. The interface `Endpoint` is what differs between endpoints.
//
// Worked example: for {"model": "nano", "input": "Hi", "max_output_tokens": 5} the Responses endpoint makes the model "nano" and a
// plan of one chat prompt. An error about max_completion_tokens then names max_output_tokens.
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

/** One endpoint. Each of its methods may throw ApiErrors. */
export interface Endpoint extends Relayed {
  /** Checks the body's fields, which do not contain `null` fields. */
  read(fields: Record<string, unknown>): Asked;
}

export interface Asked {
  model: string;
  requester: Requester;
  /** Names of fields that are accepted and change nothing; see no-effect.ts. */
  noEffect: readonly string[];
  /** How later errors name the client's fields. Absent: unchanged. */
  names?: FieldNames;
  plan(context: RequestContext): Promise<Planned>;
}

export interface Planned {
  plan: AnswerPlan;
  respond(c: Context, record: RequestRecord): Promise<Response>;
}

/** Largest number of paths in `expertgrid.schema_notes`. */
export const MOST_SCHEMA_NOTES = 20;

interface HandlerOptions extends Reading {
  peers: Peers | undefined;
}

/** Holds the grammar's memory until the answer ends. Throws a 429 if the tenant cannot have that memory now. */
function holdGrammar(grammar: PackedGrammar | undefined, record: RequestRecord, ledger: MemoryLedger): void {
  if (grammar === undefined) return;
  record.holding = ledger.open(record.tenant.name);
  if (record.holding.grow(grammar.packed.byteLength)) return;
  const message = "the gateway's memory for requests, or your key's share of it, is in use";
  throw fromGeneration({ code: 'queue_full', message, retryable: true });
}

export function completionHandler(
  endpoint: Endpoint,
  { peers, ...reading }: HandlerOptions,
): Handler<RecordEnv> {
  const { served, slices } = reading;
  return async (c) => {
    const { tenant } = c.get('record');
    return await withFields(c.req.raw, { ...reading, tenant }, (fields) => answerTo(c, fields));
  };

  async function answerTo(c: Context<RecordEnv>, fields: Record<string, unknown>): Promise<Response> {
    const record = c.get('record');
    const { tenant } = record;
    const asked = await slices.turn(tenant, () => endpoint.read(fields));
    const chosen = chooseModel(asked.model, asked.requester, { served, requestId: record.id });
    const context = requestContext(chosen, record);
    record.requestedModel = asked.model;
    record.model = context.model.id;
    return await underOuterNames(asked.names ?? [], async () => {
      const { plan, respond } = await slices.turn(tenant, () => asked.plan(context));
      const idle = noEffectHeaders([
        ...asked.noEffect,
        ...(plan.noEffect ?? []).map(namer(asked.names ?? [])),
      ]);
      const { grammar, notes } = await honoured(plan.constraint, plan.asked ?? [], {
        tenant: record.key?.name ?? '',
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
      const salt = cacheSaltOf({ named: plan.request.cache_salt, tenant: record.prefixTenant });
      const worth = peers !== undefined && info.sharesPrefixes;
      const work = { fields, planned: plan, salt, record, relayed: endpoint };
      const passed = worth ? await passOn(c.req.raw, peers, work) : undefined;
      record.passedOn = passed !== undefined;
      const answer = passed ?? (await respond(c, record));
      // Relayed answers need the header too, because the other gateway did not get fields without effect.
      for (const [name, value] of Object.entries(idle)) answer.headers.set(name, value);
      return answer;
    });
  }
}
