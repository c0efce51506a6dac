// What one request takes of each part of a region: the engine, the API, the shards of each group and the memory of keys and values.
import { awayUs, expertWork, type Step, type Subject, stepUs, workOf } from './step.ts';
import { type Settings, type Workload, WorkloadError } from './workload.ts';

const MIB = 2 ** 20;

/** A workload on a model, with everything that does not depend on the rate. */
export interface Plan {
  subject: Subject;
  workload: Workload;
  settings: Settings;
  groups: number;
  /** Most sequences that run at once in a gateway: bounded by the engine's setting or by the memory of keys and values. */
  slots: number;
  /** Whether memory allows fewer sequences than the engine's setting. */
  memoryBounds: boolean;
  prefill: Prefill;
}

/** The prompt of one request, in microseconds. */
export interface Prefill {
  /** Of the engine's thread, with its waits for shards. */
  elapsedUs: number;
  /** One of its steps. */
  chunkUs: number;
  /** All shards together. */
  shardsUs: number;
}

export function planOf(subject: Subject, workload: Workload, settings: Settings, groups: number): Plan {
  const { shape } = subject;
  const sequenceBytes = (workload.prompt + workload.answer) * shape.positionBytes;
  const fitting = Math.floor((settings.kvMiB * MIB) / sequenceBytes);
  if (fitting < 1) {
    const [needed, given] = [Math.ceil(sequenceBytes / MIB), settings.kvMiB];
    throw new WorkloadError(
      `the keys and values of one sequence need ${needed} MiB, and a gateway has ${given} MiB for them: give gateways more memory`,
    );
  }
  return {
    ...{ subject, workload, settings, groups },
    slots: Math.min(settings.maxSequences, fitting),
    memoryBounds: fitting < settings.maxSequences,
    prefill: prefillOf(subject, workload, settings, groups),
  };
}

/** Cached tokens need no rows, but the rest attends to them. At least one row remains, because its scores give the first token. */
function prefillOf(subject: Subject, workload: Workload, settings: Settings, groups: number): Prefill {
  const { engine } = subject.costs;
  const rows = Math.max(1, workload.prompt * (1 - workload.hitRate));
  const cached = workload.prompt - rows;
  const chunks = Math.max(1, rows / settings.prefillRows);
  const each = expertWork(subject, rows / chunks, groups);
  const engineUs =
    chunks * (engine.stepUs + each.frames * engine.frameUs) +
    rows * (engine.promptRowUs + (cached + rows / 2) * engine.positionUs);
  const elapsedUs = engineUs + chunks * awayUs(subject, each.slowestUs, calm(settings));
  return { elapsedUs, chunkUs: elapsedUs / chunks, shardsUs: chunks * each.shardsUs };
}

/** Waits at shards that are as busy as planned. */
function calm({ roundTripMs, utilisation }: Settings) {
  return { roundTripUs: 1000 * roundTripMs, shardWait: waitOf(utilisation) };
}

/** Mean wait at a shard as a multiple of its service time, if service times vary like exponential ones. */
export function waitOf(utilisation: number): number {
  return utilisation >= 1 ? Number.POSITIVE_INFINITY : utilisation / (1 - utilisation);
}

export function stepOf({ workload, groups }: Plan, rows: number): Step {
  return { rows, context: workload.prompt + workload.answer / 2, groups };
}

/** Time of a step of `rows` decode rows. `shardUse`: how busy the shards are (0–1). */
export function stepTimeUs(plan: Plan, rows: number, shardUse: number): number {
  const roundTripUs = 1000 * plan.settings.roundTripMs;
  return stepUs(plan.subject, stepOf(plan, rows), { roundTripUs, shardWait: waitOf(shardUse) });
}

/** Microseconds of one shard of each group for one request, if steps have `rows` rows. */
export function shardUsOfRequest(plan: Plan, rows: number): number {
  const { shardsUs } = workOf(plan.subject, stepOf(plan, rows));
  return ((plan.workload.answer * shardsUs) / rows + plan.prefill.shardsUs) / plan.groups;
}

/** Microseconds of the threads of the API for one request, if steps have `rows` rows. */
export function apiUsOfRequest({ subject, workload: { prompt, answer } }: Plan, rows: number): number {
  const { api } = subject.costs;
  return api.requestUs + prompt * api.promptTokenUs + answer * (api.tokenUs + api.stepUs / rows);
}

/** Microseconds of the engine's thread for one request, if all slots are taken. */
export function engineUsOfRequest(plan: Plan): number {
  const { slots, prefill, workload, settings } = plan;
  return prefill.elapsedUs + (workload.answer * stepTimeUs(plan, slots, settings.utilisation)) / slots;
}
