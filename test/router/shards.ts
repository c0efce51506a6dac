// Shards, fleets and steps for the router's tests: real services whose calls and answers a test can change.
import { expect, onTestFinished } from 'vitest';
import type { DispatchOptions } from '../../router/delivery/ledger.ts';
import type { Dispatched } from '../../router/dispatch.ts';
import { Fleet, type FleetOptions } from '../../router/fleet.ts';
import { select } from '../../router/selection.ts';
import { localMember, type Member, socketMember } from '../../router/shards/member.ts';
import { RpcError, type RpcErrorCode } from '../../rpc/errors.ts';
import { listen, type RpcServer } from '../../rpc/socket/server.ts';
import type { Handler, HandlerContext } from '../../rpc/transport.ts';
import { createTestShard, model, type TestShard } from '../experts/shard.ts';
import { createPlainExpertDevice } from '../support/engines/plain-expert-device.ts';
import { normal } from '../support/random.ts';

const { hidden, layers, experts } = model;

/** Wraps the handler of a shard's `expert.run`. */
export type Change = (real: Handler) => Handler;

/** A shard in this process that is called by messages, like a remote one. `change` wraps its handler of `expert.run`. */
export function memberOf(name: string, { service }: TestShard, change: Change = (real) => real): Member {
  const { handlers } = service;
  return localMember(name, { ...handlers, 'expert.run': change(handlers['expert.run']!) });
}

/** Serves a shard on a socket. `change` wraps its handler of `expert.run`. */
export async function serve({ service }: TestShard, change: Change = (real) => real): Promise<RpcServer> {
  const { handlers } = service;
  const server = await listen({ handlers: { ...handlers, 'expert.run': change(handlers['expert.run']!) } });
  onTestFinished(() => server.close({ graceMs: 0 }));
  return server;
}

export function socketOf({ address }: RpcServer): Member {
  return socketMember(address);
}

export const strict = { hedgeBudget: 0, auditShare: 0, patienceMs: 0 };

/** Opens a fleet, and waits until all members are connected. While `random` gives 0, the first of equally cheap members is called. */
export async function fleetOf(members: Member[], options: Partial<FleetOptions> = {}): Promise<Fleet> {
  const fleet = new Fleet({
    members,
    model,
    random: () => 0,
    ...options,
    policy: { ...strict, ...options.policy },
  });
  onTestFinished(() => fleet.close());
  await fleet.until(() => fleet.status().every(({ units }) => units > 0), 60_000);
  expect(fleet.status().every(({ units }) => units > 0)).toBe(true);
  return fleet;
}

export function stateOf(fleet: Fleet, address: string): string | undefined {
  return fleet.status().find((shard) => shard.address === address)?.state;
}

export function unitsOf(chosen: readonly number[], of: readonly number[] = [0, 1]) {
  return of.flatMap((layer) => chosen.map((expert) => ({ layer, expert })));
}

/** A step of random rows for layer 1. */
export function step(rows: number, k: number, seed = 1): Omit<DispatchOptions, 'fleet'> {
  const next = normal(seed);
  const x = Float32Array.from({ length: rows * hidden }, next);
  const scores = Float32Array.from({ length: rows * experts }, next);
  const assignment = select(scores, experts, { score: 'softmax', renormalise: false, scale: 1, k });
  return { model: model.identity, layer: 1, x, hidden, assignment, deadlineMs: 10_000 };
}

/** A step of one row for one expert. */
export function rowFor(expert: number): Omit<DispatchOptions, 'fleet'> {
  const { assignment: _, ...rest } = step(1, 1);
  return { ...rest, assignment: { k: 1, experts: Uint16Array.of(expert), weights: Float32Array.of(1) } };
}

/** The right answers, `[rows, k, hidden]`, computed separately for each row and expert. */
export async function rightAnswers({
  assignment,
  x,
  layer,
}: Omit<DispatchOptions, 'fleet'>): Promise<Float32Array> {
  const device = createPlainExpertDevice({ hidden, inner: 5 });
  await device.load(
    unitsOf(
      Array.from({ length: experts }, (_, expert) => expert),
      [...Array(layers).keys()],
    ),
  );
  const answers = new Float32Array(assignment.experts.length * hidden);
  for (const [slot, expert] of assignment.experts.entries()) {
    const row = Math.floor(slot / assignment.k);
    const alone = await device.run(
      layer,
      x.slice(row * hidden, (row + 1) * hidden),
      Uint16Array.of(0, expert),
    );
    answers.set(alone, slot * hidden);
  }
  return answers;
}

export async function expectRight(asked: Omit<DispatchOptions, 'fleet'>, { answers, failed }: Dispatched) {
  expect([...failed]).toEqual([]);
  expect(bits(answers)).toEqual(bits(await rightAnswers(asked)));
}

/** The bits of the floats, so that -0 and 0 differ. */
export function bits(rows: Float32Array): number[] {
  return [...new Uint32Array(rows.buffer, rows.byteOffset, rows.length)];
}

/** Fails every call, or only the first `times` calls. */
export function failing(
  code: RpcErrorCode,
  { times = Number.POSITIVE_INFINITY, retryAfterMs = 5 } = {},
): Change {
  let left = times;
  return (real) => async (params, context) => {
    if (left-- > 0) throw new RpcError(code, `fails with ${code}`, code === 'busy' ? { retryAfterMs } : {});
    return real(params, context);
  };
}

/** Never answers. Adds the context of each call to `seen`. */
export function hanging(seen: HandlerContext[] = []): Change {
  return () => (_, context) => {
    seen.push(context);
    void context.signal; // the signal is created on first use
    return new Promise(() => {});
  };
}

/** Delays each answer by `ms` milliseconds. */
export function slow(ms: number): Change {
  return (real) => async (params, context) => {
    const answer = await real(params, context);
    await new Promise((resolve) => setTimeout(resolve, ms));
    return answer;
  };
}

/** Delays each answer until `happened()` is true. */
export function heldUntil(happened: () => boolean): Change {
  return (real) => async (params, context) => {
    const answer = await real(params, context);
    while (!happened() && !context.aborted) await new Promise((resolve) => setTimeout(resolve, 1));
    return answer;
  };
}

/** Calls `note` before each call is answered. */
export function noted(note: () => void): Change {
  return (real) => async (params, context) => {
    note();
    return await real(params, context);
  };
}

/** Applies `change` to each answer before it is sent. `rows` has `hidden` floats for each (row, expert) pair of the call. */
export function lying(change: (rows: Float32Array) => void): Change {
  return (real) => async (params, context) => {
    const answer = await real(params, context);
    if (typeof answer !== 'object' || answer === null || !('rows' in answer)) return answer;
    const { rows } = answer;
    if (!(rows instanceof Uint8Array)) return answer;
    const floats = new Float32Array(rows.slice().buffer);
    change(floats);
    return { ...answer, rows: new Uint8Array(floats.buffer) };
  };
}

/** Flips the lowest bit of a float. */
export function flip(rows: Float32Array, at = 0): void {
  new Uint32Array(rows.buffer)[at]! ^= 1;
}

export { createTestShard, model };
