// What every endpoint of this room is given. Knows no endpoint.
import type { Logger } from 'pino';
import type { EngineClient, Rung } from '../engine/messages.ts';
import type { Fingerprint } from './answers/fingerprint.ts';
import type { MemoryLedger } from './budget/ledger.ts';
import type { Owner, Slices } from './budget/slices.ts';
import type { TextOwner, TextWork } from './budget/text-work.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { TextSide } from './text/text-side.ts';

export interface Limits {
  /** Largest request body, in bytes; more is a 413. */
  bodyBytes: number;
  /** Most prompts in one completions request. */
  prompts: number;
  /** Most answers in one request: prompts by choices of each. */
  choices: number;
  /**
   * Memory that all requests' bodies, and answers that are kept whole, may take until they are written, in bytes: a quarter of
   * it one answer, beyond which is a 400.
   */
  answerMemory: number;
  /** How long a stream's headers wait for the engine's verdict; see admission.ts. */
  admissionMs: number;
  /** How long a stream's reader may take nothing before its generation is stopped. */
  stallMs: number;
  /** How often a stream that has nothing to tell says that it lives. */
  keepAliveMs: number;
  /** How long an answer that needs the engine's status waits for it. */
  statusMs: number;
}

export const defaultLimits: Limits = {
  bodyBytes: 10 * 1024 * 1024,
  prompts: 128,
  choices: 128,
  answerMemory: 512 * 2 ** 20,
  admissionMs: 500,
  stallMs: 60_000,
  keepAliveMs: 15_000,
  statusMs: 2_000,
};

export interface ServedModel {
  /** What requests name it by. */
  id: string;
  /** Unix seconds. */
  created: number;
  /** Absent: not told. */
  facts?: ModelFacts;
}

/** What callers are told of a model beside its shape, which its engine knows. */
export interface ModelFacts {
  /** Of a weight. */
  bits: number;
  parameters: number;
  /** Of those, the ones that a token goes through. */
  activeParameters: number;
}

/** Of one model. */
export interface ApiContext extends TextSide {
  engine: EngineClient;
  model: ServedModel;
  limits: Limits;
  /** What may stand in for an expert where a request does not say; absent: nothing may. */
  degrade?: Rung;
  logger: Logger;
  metrics: Metrics;
  fingerprint: Fingerprint;
  /** Shares this thread's time between the long work of requests; of all models. */
  slices: Slices;
  /** What the answers of all models hold. */
  ledger: MemoryLedger;
  textOf: (owner: TextOwner) => TextWork;
}

/** Of one model and one request. */
export interface RequestContext extends ApiContext {
  owner: Owner;
  /** Aborted when the caller is gone. */
  signal: AbortSignal;
  text: TextWork;
}

export function requestContext(context: ApiContext, request: TextOwner): RequestContext {
  return { ...context, owner: request.owner, signal: request.signal, text: context.textOf(request) };
}
