// One step through all layers: dense device, selection, dispatch, combine. Knows rows and spans; no sampling, no text.
import { setImmediate as eventsHandled } from 'node:timers/promises';
import type { DenseDevice, Rows, Span } from '../../model/devices/dense.ts';
import type { combine } from '../../router/combine.ts';
import type { Rung } from '../../router/delivery/ladder.ts';
import { dispatch } from '../../router/dispatch.ts';
import type { Fleet } from '../../router/fleet.ts';
import type { Heat } from '../../router/heat.ts';
import { type Assignment, type RoutingRule, rank, select } from '../../router/selection.ts';
import type { RpcError } from '../../rpc/errors.ts';

export interface ForwardModel {
  dense: DenseDevice;
  fleet: Fleet;
  identity: string;
  hidden: number;
  experts: number;
  vocab: number;
  /** Of each layer. */
  rules: readonly RoutingRule[];
  combine: typeof combine;
  /** Counts the rows of every expert. */
  heat?: Heat;
}

export interface StepInput {
  /** Ids of the step's rows, span after span. */
  ids: Int32Array;
  spans: readonly Span[];
  /** `[rows]`, 1 where the row belongs to a prompt: it travels apart from decode rows. */
  prefill: Uint8Array;
  /** `[rows]`, 1 while the row's answer is wanted; may be cleared while the step runs. */
  wanted: Uint8Array;
  /** `[rows]`, what may stand in for an expert (router/delivery/ladder.ts); absent: nothing may. */
  ladder?: Uint8Array;
  /** Each call to a shard must be answered within this. */
  deadlineMs: number;
  /** Aborted when no row is wanted any more. */
  signal: AbortSignal;
  trace: string;
}

/**
 * With its experts in process a step never waits. Messages to this thread (a request, an abort, the end) are handled so
 * many milliseconds apart at most, or a layer.
 */
const TURN_MS = 5;

export interface ForwardEvents {
  /** An expert could not answer the row. It is taken out of `wanted` by the caller; the others go on. */
  onFailed: (row: number, error: RpcError) => void;
  /** Something stood in for an expert of the row. */
  onDegraded: (row: number, rung: Rung) => void;
  /** Once a layer, in order: which experts every row went through, those that stood in for others among them. */
  onRouted?: ((assignment: Assignment) => void) | undefined;
}

/** Runs the rows through every layer. Returns the last layer's residual stream, `[rows, hidden]`. */
export async function forward(
  { dense, fleet, identity, hidden, experts, rules, combine, heat }: ForwardModel,
  { ids, spans, prefill, wanted, ladder, deadlineMs, signal, trace }: StepInput,
  { onFailed, onDegraded, onRouted }: ForwardEvents,
): Promise<Rows> {
  let stream = dense.embed(ids);
  let turnedAt = performance.now();
  const stepHeat = heat?.step();
  for (const [layer, rule] of rules.entries()) {
    const { residual, x, scores } = await dense.layer(layer, stream, spans);
    const assignment = select(scores, experts, rule);
    stepHeat?.count(layer, assignment, wanted);
    const { answers, failed, degraded } = await dispatch({
      fleet,
      model: identity,
      layer,
      x,
      hidden,
      assignment,
      mask: wanted,
      prefill,
      ...(ladder !== undefined && { ladder, ranked: ranking(scores, experts, rule) }),
      deadlineMs,
      signal,
      trace,
    });
    for (const [row, error] of failed) onFailed(row, error);
    for (const { row, rung } of degraded) onDegraded(row, rung);
    onRouted?.(assignment);
    if (signal.aborted) break;
    combine(residual, answers, assignment, hidden, wanted);
    stream = residual;
    if (performance.now() - turnedAt > TURN_MS) {
      await eventsHandled();
      turnedAt = performance.now();
    }
  }
  return stream;
}

function ranking(scores: Float32Array, experts: number, rule: RoutingRule) {
  return (row: number) => rank(scores.subarray(row * experts, (row + 1) * experts), rule);
}
