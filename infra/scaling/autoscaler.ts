// The decisions of a HorizontalPodAutoscaler about one Deployment or StatefulSet. Pure: it takes the state and the metrics of a sync,
// and returns the new state and the number of replicas.
//
// Sources: "Algorithm details" and "Configurable scaling behavior" of
// https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/, and for what it leaves open
// pkg/controller/podautoscaler (horizontal.go, replica_calculator.go) of Kubernetes.
import type { Pace, Rule } from './rules.ts';

/** Time between two syncs: the default of `--horizontal-pod-autoscaler-sync-period`. */
export const SYNC_SECONDS = 15;
/** A metric that differs less from its target changes nothing: the default of `--horizontal-pod-autoscaler-tolerance`. */
const TOLERANCE = 0.1;

/** An external metric. `value` is undefined if it could not be read. */
export interface Metric extends Rule {
  value: number | undefined;
}

export interface Replicas {
  /** Replicas that are asked for: `spec.replicas`. */
  current: number;
  /** Those of them that are ready. */
  ready: number;
}

/** Memory of one autoscaler between syncs. Times are in seconds. */
export interface AutoscalerState {
  /** What the metrics alone asked for at earlier syncs. */
  wanted: readonly { at: number; replicas: number }[];
  /** Replicas added (above 0) or removed (below 0). */
  changes: readonly { at: number; by: number }[];
}

export interface SyncInput extends Replicas {
  now: number;
  metrics: readonly Metric[];
  min: number;
  max: number;
  up: Pace;
  down: Pace;
}

export interface Decision {
  replicas: number;
  /** What the metrics alone ask for. */
  wanted: number;
  /** The metric that asked for most. Undefined if no metric could be read. */
  signal: string | undefined;
}

export const newAutoscaler: AutoscalerState = { wanted: [], changes: [] };

/**
 * What each kind of metric asks for. A share is an AverageValue: it ignores whether pods are ready. A level is a Value: it multiplies the
 * pods that are ready. Quantities have three decimals, as in Kubernetes.
 */
const askedBy: Record<Rule['kind'], (milli: number, target: number, replicas: Replicas) => number> = {
  share: (milli, target, { current }) =>
    isNear(milli / (target * current)) ? current : Math.ceil(milli / target),
  level: (milli, target, { current, ready }) =>
    isNear(milli / target) ? current : Math.ceil((milli / target) * ready),
};

function isNear(ratio: number): boolean {
  return Math.abs(1 - ratio) <= TOLERANCE;
}

/** Replicas that a metric asks for by itself. */
export function replicasFor({ kind, target }: Rule, value: number, replicas: Replicas): number {
  return askedBy[kind](Math.round(1000 * value), Math.round(1000 * target), replicas);
}

/** The highest number that a metric asks for. If a metric could not be read, the others may add replicas but remove none. */
export function recommend(
  metrics: readonly Metric[],
  replicas: Replicas,
): { wanted: number; signal: string | undefined } {
  let best: { wanted: number; signal: string | undefined } = { wanted: 0, signal: undefined };
  for (const metric of metrics) {
    if (metric.value === undefined) continue;
    const wanted = replicasFor(metric, metric.value, replicas);
    if (best.signal === undefined || wanted > best.wanted) best = { wanted, signal: metric.signal };
  }
  if (best.signal === undefined) return { wanted: replicas.current, signal: undefined };
  const isWhole = metrics.every(({ value }) => value !== undefined);
  return !isWhole && best.wanted < replicas.current ? { ...best, wanted: replicas.current } : best;
}

/** One sync. Replicas outside the limits are brought back into them before anything else, without a look at the metrics. */
export function sync(
  state: AutoscalerState,
  input: SyncInput,
): { state: AutoscalerState; decision: Decision } {
  const { now, current, min, max } = input;
  if (current > max || current < min) {
    const replicas = current > max ? max : min;
    return {
      state: changed(state, input, replicas),
      decision: { replicas, wanted: replicas, signal: undefined },
    };
  }
  const { wanted, signal } = recommend(input.metrics, input);
  const replicas = limited(state, input, stabilized(state, input, wanted));
  const window = Math.max(input.up.stabilizationSeconds, input.down.stabilizationSeconds);
  const kept = state.wanted.filter(({ at }) => at > now - window);
  return {
    state: changed({ ...state, wanted: [...kept, { at: now, replicas: wanted }] }, input, replicas),
    decision: { replicas, wanted, signal },
  };
}

/** The number nearest to the current one between the lowest of the window for adding and the highest of that for removing. */
function stabilized({ wanted: earlier }: AutoscalerState, input: SyncInput, wanted: number): number {
  const within = ({ stabilizationSeconds }: Pace) =>
    earlier.filter(({ at }) => at > input.now - stabilizationSeconds).map(({ replicas }) => replicas);
  const lowest = Math.min(wanted, ...within(input.up));
  const highest = Math.max(wanted, ...within(input.down));
  return Math.min(Math.max(input.current, lowest), highest);
}

function limited(state: AutoscalerState, input: SyncInput, wanted: number): number {
  const { current, min, max, up, down } = input;
  if (wanted > current) {
    const most = Math.max(current, ...up.policies.map((policy) => mostAfter(state, input, policy)));
    return Math.min(wanted, max, most);
  }
  const least = Math.min(current, ...down.policies.map((policy) => leastAfter(state, input, policy)));
  return Math.max(wanted, min, least);
}

type Policy = Pace['policies'][number];

/** A percentage is rounded up, because otherwise one replica could never become two. */
function mostAfter(state: AutoscalerState, input: SyncInput, policy: Policy): number {
  const before = atStartOf(policy, state, input);
  return policy.type === 'Pods' ? before + policy.value : Math.ceil(before * (1 + policy.value / 100));
}

/** A percentage removes a whole replica for each part of one. */
function leastAfter(state: AutoscalerState, input: SyncInput, policy: Policy): number {
  const before = atStartOf(policy, state, input);
  return policy.type === 'Pods' ? before - policy.value : Math.trunc(before * (1 - policy.value / 100));
}

function atStartOf(
  { periodSeconds }: Policy,
  { changes }: AutoscalerState,
  { now, current }: SyncInput,
): number {
  return changes.reduce((count, { at, by }) => (at > now - periodSeconds ? count - by : count), current);
}

function changed(state: AutoscalerState, { now, current, up, down }: SyncInput, replicas: number) {
  const longest = Math.max(...[...up.policies, ...down.policies].map(({ periodSeconds }) => periodSeconds));
  const kept = state.changes.filter(({ at }) => at > now - longest);
  return { ...state, changes: replicas === current ? kept : [...kept, { at: now, by: replicas - current }] };
}
