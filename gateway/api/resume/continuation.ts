// Checks the record with which a request continues a stream, and turns it into what the answer begins with: docs/resume.md.
import { hash } from 'node:crypto';
import { z } from 'zod';
import {
  type ChoiceProgress,
  choiceSum,
  NO_CHOICE,
  RECORD_VERSION,
  type StreamRecord,
  textToSeal,
} from '../../../resume/record.ts';
import { type DegradedHops, type Rung, rungs } from '../../engine/messages.ts';
import type { ApiContext } from '../context.ts';
import { ApiError, badRequest } from '../errors.ts';
import type { ExpertSettings } from '../requests/expert-settings.ts';
import { expertSettings } from '../requests/fields/schema-fields.ts';
import type { Caller } from './caller.ts';
import { parseJson } from './parse-json.ts';
import type { Recorded } from './recorder.ts';
import { isMadeWith, sealKey, sealOf } from './seal.ts';
import { TEXT_VERSION } from './text-version.ts';

/** The head of a record: what decides the events of an answer, besides the request and the generated ids. */
export interface Head {
  v: typeof RECORD_VERSION;
  text_version: number;
  /** Id of the answer. */
  id: string;
  /** Unix seconds. */
  created: number;
  seed: number;
  /** Id of the model that answers. */
  model: string;
  identity: string;
  content: string;
  numerics: string;
  fingerprint: string | null;
  /** SHA-256 of the original body. */
  body: string;
  /** SHA-256 of the ids of all prompts and of the room after each of them. A chat template may write the date, for example. */
  prompts: string;
  tenant: string;
  /** Settings of experts that the request does not make itself, and that counted where the stream began. Absent: none did. */
  experts?: ExpertSettings | undefined;
}

/** A stream that this request continues. */
export interface Continuation {
  head: Head;
  recorded: Recorded;
  /** The recorded ids by choice. */
  ids: ReadonlyMap<number, Int32Array>;
  /** Whether the caller allowed another numerics class or text version, and this gateway is of another. */
  otherClass: boolean;
}

/** What an answer begins with. */
export interface KnownAnswer {
  ids: Int32Array;
  /** Number of tokens whose log-probabilities, digests or routes were sent. */
  entries: number;
  /** Number of events that were sent. */
  events: number;
  hops: DegradedHops;
}

const count = z
  .int()
  .min(0)
  .max(2 ** 31);

const progress = z.strictObject({
  events: count,
  bytes: count,
  calls: count,
  entries: count,
  hops: z.string().regex(new RegExp(`^(-|(${rungs.join('|')}):\\d{1,9}(,(${rungs.join('|')}):\\d{1,9})*)$`)),
  ids: z.string().regex(/^(\d{1,8}(,\d{1,8})*)?$/),
});

const recordSchema = z.strictObject({
  head: z.string().max(4096),
  choices: z.record(z.string().regex(/^(-1|\d{1,4})$/), progress),
  seal: z.string().max(64),
  other_class: z.boolean().optional(),
});

const text = z.string().max(1024);

const headSchema = z.strictObject({
  v: z.literal(RECORD_VERSION),
  text_version: z.int(),
  id: text,
  created: z.int(),
  seed: z.int(),
  model: text,
  identity: text,
  content: text,
  numerics: text,
  fingerprint: text.nullable(),
  body: text,
  prompts: text,
  tenant: text,
  experts: expertSettings.optional(),
});

/** Reads the record of a caller's request. Throws a 400 that names the invalid part, and a 403 if the seal is not a gateway's. */
export function readRecord(caller: Caller): { record: StreamRecord; head: Head } | undefined {
  if (caller.record === undefined) return undefined;
  const parsed = parseJson(recordSchema, caller.record, 'record');
  const { other_class, ...rest } = parsed;
  const record: StreamRecord = { ...rest, ...(other_class !== undefined && { other_class }) };
  requireSeal(record, caller);
  const head: Head = parseJson(headSchema, record.head, 'record.head');
  if (head.body !== caller.body) throw foreign('of another request: its body differs');
  if (head.tenant !== caller.claims.tenant) throw foreign('of another tenant');
  return { record, head };
}

/** Checks that the model of `context` can continue the stream. Throws a 409 if it cannot. */
export async function continuationOf(
  { record, head }: { record: StreamRecord; head: Head },
  { engine, fingerprint }: Pick<ApiContext, 'engine' | 'fingerprint'>,
): Promise<Continuation> {
  const { identity, content, vocab } = engine.info;
  const numerics = (await fingerprint.current())?.numerics;
  if (numerics === undefined) throw notToldYet();
  const other = (what: string) =>
    cannotContinue(`This gateway has another ${what} than the one that began the stream`);
  if (head.identity !== identity) throw other('checkpoint');
  if (head.content !== content) throw other('bundle');
  const otherText = head.text_version !== TEXT_VERSION;
  const otherClass = otherText || head.numerics !== numerics;
  if (otherClass && record.other_class !== true) {
    throw other(otherText ? 'text version' : 'numerics class');
  }
  const recorded = new Map(Object.entries(record.choices).map(([choice, each]) => [Number(choice), each]));
  const ids = new Map([...recorded].map(([choice, each]) => [choice, idsOf(each.ids)]));
  for (const [choice, own] of ids) {
    const wrong = own.find((id) => id >= vocab);
    if (wrong === undefined) continue;
    const param = `record.choices.${choice}.ids`;
    throw badRequest(`Invalid '${param}': the model has no token ${wrong}.`, {
      param,
      code: 'invalid_value',
    });
  }
  return { head, recorded, ids, otherClass };
}

/** The recorded answer of a choice. Undefined if nothing of it was recorded. */
export function knownOf({ recorded, ids: all }: Continuation, choice: number): KnownAnswer | undefined {
  const found = recorded.get(choice);
  if (found === undefined || choice === NO_CHOICE) return undefined;
  const { entries, events, hops } = found;
  return { ids: all.get(choice) ?? new Int32Array(), entries, events, hops: hopsOf(hops) };
}

/** Throws a 409 if the request does not allow a rung that was used for the recorded part of the answer. */
export function requireRungs({ hops }: KnownAnswer, allowed: Rung | undefined): void {
  const last = allowed === undefined ? -1 : rungs.indexOf(allowed);
  const used = rungs.find((rung, level) => (hops[rung] ?? 0) > 0 && level > last);
  if (used === undefined) return;
  throw cannotContinue(
    `Experts of the stream were replaced by '${used}', which the request does not allow here`,
  );
}

function requireSeal({ head, choices, seal }: StreamRecord, { secrets }: Caller): void {
  const sums = Object.entries(choices)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([choice, { ids, ...counts }]) => choiceSum(Number(choice), counts, hash('sha256', ids, 'hex')));
  const sealed = textToSeal(hash('sha256', head, 'hex'), sums);
  if (isMadeWith(secrets(), seal, (secret) => sealOf(sealed, sealKey(secret)))) return;
  const message =
    'The seal of the record is not valid: the record was changed, or was written with another secret.';
  throw new ApiError({ status: 403, message, param: 'record.seal', code: 'invalid_seal' });
}

function foreign(what: string): ApiError {
  return badRequest(`The record is ${what}.`, { param: 'record.head', code: 'foreign_record' });
}

function notToldYet(): ApiError {
  const message =
    "The engine has not told its numerics class in time, so it cannot be compared with the record's. Try again.";
  return new ApiError({
    status: 503,
    message,
    type: 'server_error',
    code: 'engine_busy',
    headers: { 'retry-after': '1' },
  });
}

export function cannotContinue(why: string): ApiError {
  const message = `${why}, so it cannot continue the stream. Let another gateway continue it.`;
  return new ApiError({ status: 409, message, code: 'cannot_continue' });
}

function idsOf(ids: string): Int32Array {
  return ids === '' ? new Int32Array() : Int32Array.from(ids.split(','), Number);
}

function hopsOf(hops: ChoiceProgress['hops']): DegradedHops {
  if (hops === '-') return {};
  return Object.fromEntries(hops.split(',').map((each) => [each.split(':')[0], Number(each.split(':')[1])]));
}
