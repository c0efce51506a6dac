// The contexts that endpoints get: one for each model, with its engine, limits and shared parts, and one for each request.
import type { Logger } from 'pino';
import type { EngineClient, Rung } from '../engine/messages.ts';
import type { Fingerprint } from './answers/fingerprint.ts';
import type { MemoryLedger } from './budget/ledger.ts';
import type { Slices, Tenant } from './budget/slices.ts';
import type { TextTenant, TextWork } from './budget/text-work.ts';
import type { ExpertSettings } from './requests/expert-settings.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { TextSide } from './text/text-side.ts';

export interface Limits {
  /** Largest request body in bytes. A larger body is a 413. Default 10 MiB. */
  bodyBytes: number;
  /** Largest number of prompts in one completions request. Default 128. */
  prompts: number;
  /** Largest number of answers in one request, which is prompts times choices. Default 128. */
  choices: number;
  /**
   * Memory in bytes that all request bodies and all answers that are kept until their end may use together; see answer-size.ts. An
   * answer that needs more than a quarter of this memory is a 400. Default 512 MiB.
   */
  answerMemory: number;
  /** How long the headers of a stream wait for the engine to admit the request; see admission.ts. Default 500 ms. */
  admissionMs: number;
  /** The generation stops if the client of a stream reads nothing for this time. Default 60 s. */
  stallMs: number;
  /** Interval of keep-alive events in a stream without other events. Default 15 s. */
  keepAliveMs: number;
  /** How long a request, such as GET /health/ready, waits for the engine's status. Default 2 s. */
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
  /** Name of the model in requests. */
  id: string;
  /** Unix seconds. */
  created: number;
  /** Absent: GET /v1/models shows only what the engine knows. */
  facts?: ModelFacts;
}

/** What GET /v1/models shows in addition to what the engine knows. */
export interface ModelFacts {
  /** Bits of each weight. */
  bits: number;
  /** Number of all parameters. */
  parameters: number;
  /** Number of parameters that one token goes through. */
  activeParameters: number;
}

/** The context of one model. */
export interface ApiContext extends TextSide {
  engine: EngineClient;
  model: ServedModel;
  limits: Limits;
  /** Worst rung of the degradation ladder that requests allow by default. Absent: requests fail if an expert is unavailable. */
  degrade?: Rung;
  /** How many experts a token uses if its request does not say. Absent: the checkpoint's numbers. */
  experts?: ExpertSettings;
  logger: Logger;
  metrics: Metrics;
  fingerprint: Fingerprint;
  /** Shares this thread's time between the long work of requests. All models share it. */
  slices: Slices;
  /** Counts the memory of requests and answers. All models share it. */
  ledger: MemoryLedger;
  textOf: (tenant: TextTenant) => TextWork;
}

/** The context of one request. */
export interface RequestContext extends ApiContext {
  tenant: Tenant;
  /** Aborted when the client is gone. */
  signal: AbortSignal;
  text: TextWork;
  /** Unix seconds of the answer, which the prompt has too if the chat template writes the time. */
  created: number;
}

export function requestContext(
  context: ApiContext,
  request: TextTenant & { created: number },
): RequestContext {
  const { tenant, signal, created } = request;
  return { ...context, tenant, signal, created, text: context.textOf(request) };
}
