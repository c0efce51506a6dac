// One step through all layers: dense device, selection, dispatch, combine.
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
  /** One rule for each layer. */
  rules: readonly RoutingRule[];
  combine: typeof combine;
  /** Counts the rows of every expert. */
  heat?: Heat;
}

export interface StepInput {
  /** Ids of the step's rows, span after span. */
  ids: Int32Array;
  spans: readonly Span[];
  /** `[rows]`, 1 if the row's span has more rows than one. Such rows travel on other connections than lone decode rows. */
  prefill: Uint8Array;
  /** `[rows]`, 1 while the row's answer is wanted. It may be cleared while the step runs. */
  wanted: Uint8Array;
  /** `[rows]`, the lowest rung that each row allows (router/delivery/ladder.ts). Absent: no row allows any. */
  ladder?: Uint8Array;
  /** Deadline of each call to a shard. */
  deadlineMs: number;
  /** Aborted when no row is wanted anymore. */
  signal: AbortSignal;
  trace: string;
}

/**
 * With its experts in process, a step never waits for I/O. It lets this thread handle its messages (requests, aborts)
 * after the first layer that ends this long after the last time.
 */
const TURN_MS = 5;

export interface ForwardEvents {
  /** No expert could answer the row. The callback must clear the row in `wanted`; the other rows go on. */
  onFailed: (row: number, error: RpcError) => void;
  /** The row went down the ladder to `rung` for one of its experts. */
  onDegraded: (row: number, rung: Rung) => void;
  /** Called once a layer, in order, with the experts of every row, stand-ins included. */
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
