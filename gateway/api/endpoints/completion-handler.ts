// Handles every request that generates: reads JSON and fields, chooses the model, makes a plan, and then answers the request or
// passes it on to another gateway. An `Endpoint` has the parts that differ between endpoints.
//
// Worked example: from {"model": "nano", "input": "Hi", "max_output_tokens": 5} the Responses endpoint reads the model "nano" and
// plans one chat prompt. An error about the plan's max_completion_tokens names the client's field, max_output_tokens.
import type { Context, Handler } from 'hono';
import type { PackedGrammar } from '../../constraints/specification.ts';
import type { EngineInfo } from '../../engine/messages.ts';
import type { AnswerPlan } from '../answers/respond.ts';
import { refuseLargeAnswer } from '../budget/answer-size.ts';
import type { MemoryLedger } from '../budget/ledger.ts';
import { type RequestContext, requestContext } from '../context.ts';
import { fromGeneration } from '../errors.ts';
import { isPassedOn, passOn } from '../peers/peers.ts';
import type { Relayed } from '../peers/relayed.ts';
import { type ExpertSettings, inheritedSettings, requestRouting } from '../requests/expert-settings.ts';
import { noEffectHeaders } from '../requests/fields/no-effect.ts';
import { withFields } from '../requests/read-fields.ts';
import { type FieldNames, namer, underOuterNames } from '../requests/renamed-fields.ts';
import { honoured } from '../requests/structured.ts';
import { continuationOf, readRecord } from '../resume/continuation.ts';
import type { Shared } from '../shared.ts';
import type { RecordEnv, RequestRecord } from '../telemetry/request-record.ts';
import { cacheSaltOf } from '../tenants/cache-salt.ts';
import { chooseModel, type Requester, servedModel } from './models.ts';

/** One endpoint. Its methods may throw ApiErrors. */
export interface Endpoint extends Relayed {
  /** Checks the fields of the body, from which fields with the value null have been removed. */
  read(fields: Record<string, unknown>): Asked;
}

/** A request whose fields have been checked. */
export interface Asked {
  model: string;
  requester: Requester;
  /** Names of fields that are accepted but have no effect; see no-effect.ts. */
  noEffect: readonly string[];
  /** The client's names of the plan's fields, for errors. Absent: the names are the same. */
  names?: FieldNames;
  plan(context: RequestContext): Promise<Planned>;
}

export interface Planned {
  plan: AnswerPlan;
  respond(c: Context, record: RequestRecord): Promise<Response>;
}

/** Largest number of paths in the answer's field `expertgrid.schema_notes`. Further paths are left out. */
export const MOST_SCHEMA_NOTES = 20;

/** Reserves the grammar's memory until the answer ends. Throws a 429 if the tenant cannot have that much memory now. */
function holdGrammar(grammar: PackedGrammar | undefined, record: RequestRecord, ledger: MemoryLedger): void {
  if (grammar === undefined) return;
  record.holding = ledger.open(record.tenant.name);
  if (record.holding.grow(grammar.packed.byteLength)) return;
  const message = "the gateway's memory for requests, or your key's share of it, is in use";
  throw fromGeneration({ code: 'queue_full', message, retryable: true });
}

export function completionHandler(endpoint: Endpoint, shared: Shared): Handler<RecordEnv> {
  const { served, slices, peers } = shared;
  return async (c) => {
    const { tenant } = c.get('record');
    return await withFields(c.req.raw, { ...shared, tenant }, (fields) => answerTo(c, fields));
  };

  async function answerTo(c: Context<RecordEnv>, fields: Record<string, unknown>): Promise<Response> {
    const record = c.get('record');
    const { tenant } = record;
    const asked = await slices.turn(tenant, () => endpoint.read(fields));
    const continued = record.caller && readRecord(record.caller);
    const chosen = continued
      ? servedModel(continued.head.model, served)
      : chooseModel(asked.model, asked.requester, { served, requestId: record.id });
    record.continuation = continued && (await continuationOf(continued, chosen));
    const context = requestContext(chosen, record);
    record.requestedModel = asked.model;
    record.model = context.model.id;
    const { names = [] } = asked;
    return await underOuterNames(names, async () => {
      const { plan, respond } = await slices.turn(tenant, () => asked.plan(context));
      const { info } = context.engine;
      // A request that was passed on has the default of the other gateway in its fields, if that has one.
      const byDefault = isPassedOn(c.req.raw.headers) ? undefined : context.experts;
      plan.inheritedExperts = inheritedSettings(plan.request, byDefault, record.continuation?.head);
      plan.routing = requestRouting(plan.request, plan.inheritedExperts, info);
      const idle = noEffectHeaders([...asked.noEffect, ...(plan.noEffect ?? []).map(namer(names))]);
      const { grammar, notes } = await honoured(plan.constraint, plan.asked ?? [], {
        tenant: record.key?.name ?? '',
        signal: record.signal,
        onTook: (ms) => context.slices.charge(record.key?.name, ms),
      });
      plan.grammar = grammar;
      holdGrammar(grammar, record, context.ledger);
      record.schemaNotes = notes.slice(0, MOST_SCHEMA_NOTES).map(namer(names));
      refuseLargeAnswer(plan, info, context.ledger.largest);
      const times = sharesPrompt(plan, info) ? 1 : plan.made;
      record.admit(times * plan.prompts.reduce((total, { prompt }) => total + prompt.length, 0));
      const salt = cacheSaltOf(plan.request.cache_salt, record.prefixTenant);
      const work = {
        fields: withExperts(fields, plan.inheritedExperts),
        planned: plan,
        salt,
        record,
        relayed: endpoint,
      };
      // A trusted caller has chosen this gateway itself.
      const mayPass = peers && info.sharesPrefixes && record.caller === undefined;
      const passed = mayPass ? await passOn(c.req.raw, peers, work) : undefined;
      record.passedOn = passed !== undefined;
      record.handOver = handOverOf(shared, context, record, { plan, salt });
      const answer = passed ?? (await respond(c, record));
      // A relayed answer needs the header too, because the other gateway does not get all of these fields and cannot name them.
      for (const [name, value] of Object.entries(idle)) answer.headers.set(name, value);
      return answer;
    });
  }
}

/** Whether the prompt is computed once for all its choices. */
function sharesPrompt({ request }: AnswerPlan, { sharesPrefixes }: EngineInfo): boolean {
  return sharesPrefixes && typeof request.expertgrid?.expert_capacity !== 'number';
}

/** The fields of a request that is passed on: the other gateway may have another default. */
function withExperts(fields: Record<string, unknown>, inherited: ExpertSettings | undefined) {
  if (inherited === undefined) return fields;
  const own = typeof fields.expertgrid === 'object' ? fields.expertgrid : {};
  return { ...fields, expertgrid: { ...own, ...inherited } };
}

/** Undefined if the gateway knows no other gateways, or cannot send keys and values to them. */
function handOverOf(
  { peers, sendPrefix, handOvers }: Shared,
  { engine, model: { id }, fingerprint, logger }: RequestContext,
  { generationIds: generations }: RequestRecord,
  { plan: { prompts }, salt }: { plan: AnswerPlan; salt: string },
): RequestRecord['handOver'] {
  if (peers === undefined || sendPrefix === undefined) return undefined;
  return async () => {
    const { identity, content } = engine.info;
    const numerics = (await fingerprint.current())?.numerics;
    if (numerics === undefined) return undefined;
    const model = { identity, content, numerics };
    const prompt = prompts[0]?.prompt ?? [];
    const log = (message: string) => logger.warn(message);
    return await handOvers.add({
      peers,
      send: sendPrefix,
      engine,
      id,
      model,
      prompt,
      salt,
      generations,
      log,
    });
  };
}
