// One step through all layers: dense device, selection, dispatch, combine.
import { setImmediate as eventsHandled } from 'node:timers/promises';
import type { DenseDevice, Rows, Span } from '../../model/devices/dense.ts';
import type { combine } from '../../router/combine.ts';
import type { Rung } from '../../router/delivery/ladder.ts';
import { dispatch } from '../../router/dispatch.ts';
import type { Fleet } from '../../router/fleet.ts';
import type { Heat } from '../../router/heat.ts';
import { type Assignment, firstSlot } from '../../router/routing/assignment.ts';
import { type LimitedRows, withinCapacity } from '../../router/routing/expert-capacity.ts';
import type { RowRouting } from '../../router/routing/row-routing.ts';
import { type RoutingRule, select, standIns, weighInputs } from '../../router/selection.ts';
import type { RpcError } from '../../rpc/errors.ts';

export interface ForwardModel {
  dense: DenseDevice;
  fleet: Fleet;
  identity: string;
  hidden: number;
  experts: number;
  vocab: number;
  /** `[layers]`, whether a layer has experts. The others make no hop. */
  hasExperts: readonly boolean[];
  /** One rule for each layer with experts. Hops, heat and assignments count only these layers. */
  rules: readonly RoutingRule[];
  combine: typeof combine;
  /** Counts the rows of every expert. */
  heat?: Heat;
}

interface StepInput {
  /** Token ids of the step's rows, span after span. A span is one sequence's rows in the step. */
  ids: Int32Array;
  spans: readonly Span[];
  /** `[rows]`, 1 for prefill rows. They use separate connections, so as not to delay decode rows. */
  prefill: Uint8Array;
  /** `[rows]`, 1 until the row's sequence fails or is aborted. The caller may clear entries while the step runs. */
  wanted: Uint8Array;
  /** `[rows]`, level of the last rung that each row allows, 0 for none (router/delivery/ladder.ts). Absent: 0 for all rows. */
  ladder?: Uint8Array;
  /** How many experts each row takes. Absent: each row takes the checkpoint's numbers. */
  routing?: RowRouting | undefined;
  /** Rows of prompts with a capacity. Default: none. */
  limited?: readonly LimitedRows[];
  /** Deadline of each call to a shard. */
  deadlineMs: number;
  /** Aborted when all entries of `wanted` are 0. */
  signal: AbortSignal;
  /** Name of the step in calls to shards. */
  trace: string;
  /** True if no other micro-batch could compute while this one waits for its experts. */
  isAlone: boolean;
}

/**
 * Time after which a step lets this thread handle its messages (requests, aborts); checked after each layer. If the experts
 * are in the same process, a step never waits for I/O; without this limit, messages would then wait until the step's end.
 */
const TURN_MS = 5;

interface ForwardEvents {
  /**
   * One of the row's experts did not answer, or a score of the router is not finite (RangeError). The callback must clear the row's
   * entry in `wanted`. Other rows continue.
   */
  onFailed: (row: number, error: RpcError | RangeError) => void;
  /** `rung` of the degradation ladder replaced one of the row's experts. */
  onDegraded: (row: number, rung: Rung) => void;
  /** A shard of another zone has computed one of the row's experts. */
  onRemote: (row: number) => void;
  /** Called after each layer. The assignment names the experts that computed each row. */
  onRouted?: ((assignment: Assignment) => void) | undefined;
}

/** Runs the rows through every layer. Returns the last layer's residual stream, `[rows, hidden]`. */
export async function forward(
  { dense, fleet, identity, hidden, experts, hasExperts, rules, combine, heat }: ForwardModel,
  {
    ids,
    spans,
    prefill,
    wanted,
    ladder,
    routing,
    limited = [],
    deadlineMs,
    signal,
    trace,
    isAlone,
  }: StepInput,
  { onFailed, onDegraded, onRemote, onRouted }: ForwardEvents,
): Promise<Rows> {
  let stream = dense.embed(ids);
  let turnedAt = performance.now();
  const stepHeat = heat?.step();
  const borrowed = new Borrowed(wanted.length, fleet.policy.remoteHops);
  let hop = 0;
  for (let layer = 0; layer < hasExperts.length; layer++) {
    const { residual, x, scores } = await dense.layer(layer, stream, spans);
    stream = residual;
    if (!hasExperts[layer]) continue;
    const rule = rules[hop]!;
    const selected = select(scores, experts, rule, routing?.limits(), (row) => {
      if (wanted[row] === 1)
        onFailed(row, new RangeError(`layer ${layer}: a score of the router is not finite`));
    });
    const weighted = rule.weighsInput ? weighInputs(x, hidden, selected) : selected;
    const assignment = withinCapacity(weighted, hop, limited);
    routing?.took(assignment);
    stepHeat?.count(hop, assignment, wanted);
    const { answers, failed, degraded, remote } = await dispatch({
      fleet,
      model: identity,
      layer: hop++,
      x,
      hidden,
      assignment,
      mask: wanted,
      near: borrowed.exhausted,
      prefill,
      ...(ladder !== undefined && { ladder, ranked: ranking(scores, experts, rule, selected) }),
      deadlineMs,
      signal,
      trace,
      mayBlock: isAlone,
    });
    for (const [row, error] of failed) onFailed(row, error);
    for (const { row, rung } of degraded) onDegraded(row, rung);
    for (const row of remote) {
      borrowed.count(row);
      onRemote(row);
    }
    onRouted?.(assignment);
    if (signal.aborted) break;
    combine(residual, answers, assignment, hidden, wanted);
    if (performance.now() - turnedAt > TURN_MS) {
      await eventsHandled();
      turnedAt = performance.now();
    }
  }
  return stream;
}

function ranking(scores: Float32Array, experts: number, rule: RoutingRule, assignment: Assignment) {
  return (row: number, expert: number) => {
    const k = firstSlot(assignment, row + 1) - firstSlot(assignment, row);
    return standIns(scores.subarray(row * experts, (row + 1) * experts), { ...rule, k }, expert);
  };
}

/** Counts the hops of each row to other zones, against the most that are allowed. */
class Borrowed {
  /** `[rows]`, 1 for each row that must not make another such hop. Undefined if there is no limit. */
  readonly exhausted: Uint8Array | undefined;
  readonly #hops: Uint32Array;
  readonly #most: number;

  constructor(rows: number, most: number) {
    this.#hops = new Uint32Array(most === Number.POSITIVE_INFINITY ? 0 : rows);
    this.#most = most;
    if (most !== Number.POSITIVE_INFINITY) this.exhausted = new Uint8Array(rows).fill(most > 0 ? 0 : 1);
  }

  count(row: number): void {
    if (this.exhausted === undefined) return;
    this.#hops[row]!++;
    if (this.#hops[row]! >= this.#most) this.exhausted[row] = 1;
  }
}
