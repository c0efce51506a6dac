// What crosses between a gateway and an expert shard: the methods' parameters and answers, as types and their parsers at
// the door. Knows no sockets and no devices. docs/protocol.md is its specification.
//
// Worked example: rows 0 and 1 of a frame, row 0 for experts 3 and 17, row 1 for expert 3 of layer 2:
//   asks   = Uint16Array [0, 3,  0, 17,  1, 3]      // pairs (row, expert)
//   answer = rows [3 * hidden], one for each ask, in the order of the asks

import { shown } from '../base/text.ts';
import { RpcError } from '../rpc/errors.ts';
import { bytesToRows, bytesToUint16, rowsToBytes, uint16ToBytes } from '../rpc/rows.ts';
import type { Params, Value } from '../rpc/transport.ts';
import { array, binary, integer, isIndex, map, number, refuse, string, text } from './fields.ts';
import { isHash, type PlacementId } from './placing/placement-id.ts';
import type { HoldingRange } from './runs.ts';

export const protocolVersion = 1;

/** What one frame may hold. */
export interface FrameLimits {
  /** Rows of one `expert.run`. */
  rows: number;
  /** (row, expert) pairs of one `expert.run`, so rows of its answer. */
  asks: number;
  frameBytes: number;
}

export const defaultLimits: FrameLimits = { rows: 64, asks: 512, frameBytes: 32 * 1024 * 1024 };

/** One model as a shard offers it. Replicas are interchangeable without a word within one numerics class. */
export interface ModelOffer {
  /** Hash of the checkpoint's source, the same at every precision. */
  identity: string;
  /** Hash of the bundle's content. */
  content: string;
  /** Names all that decides the bits of an answer. */
  numericsClass: string;
  bits: number;
  /** Inputs that share a scale. */
  group: number;
  layers: number;
  /** Experts of each layer. */
  experts: number;
  /** Width of a row. */
  hidden: number;
  holdings: readonly HoldingRange[];
  /** Copies of lower precision, for when nothing better is left. Absent: no. */
  standby?: boolean;
  /** The text of the placement that the shard follows (placement-file.ts). Absent: none. */
  placement?: string;
}

/** Characters of a placement's text: thousands of shards with hundreds of items each. */
export const maxPlacement = 4 * 1024 * 1024;

/** What a peer may say at most: far above what is in use, and far below what would cost this side something. */
const most = {
  /** Names in one hello. */
  features: 16,
  models: 64,
  layers: 4_096,
  experts: 0x10000,
  /** Of all layers. */
  units: 2 ** 20,
  hidden: 2 ** 20,
  bits: 32,
  rows: 0xffff,
  asks: 2 ** 20,
  frameBytes: 2 ** 30,
  /** Milliseconds. */
  callMs: 86_400_000,
  memoryBytes: 2 ** 50,
} as const;

/** Which placement a gateway acts on. */
export interface Adoption {
  /** Identity. */
  model: string;
  /** Its hash is empty where the caller is of an older release, which tells the epoch alone. */
  placement: PlacementId;
}

export function adoptionParams({ model, placement }: Adoption): Params {
  const { epoch, hash } = placement;
  return hash === '' ? { model, epoch } : { model, epoch, hash };
}

export function parseAdoption(params: Params): Adoption {
  return { model: string(params, 'model'), placement: parsePlacementId(params) };
}

/** What a placement was planned from, which its bringer states if it is the one who planned it. */
export function parseFrom({ from }: Params): PlacementId | undefined {
  return from === undefined ? undefined : parsePlacementId(map(from, 'from'));
}

function parsePlacementId(params: Params): PlacementId {
  const epoch = integer(params, 'epoch');
  const hash = params.hash === undefined ? '' : string(params, 'hash');
  if (hash === '' || isHash(hash)) return { epoch, hash };
  return refuse(`hash must be sha256: and 64 hex digits, not ${JSON.stringify(hash)}`);
}

/** The params of the notification `memory`. */
export function memoryParams(residentBytes: number): Params {
  return { residentBytes };
}

export function parseMemory(params: Params): number {
  return integer(params, 'residentBytes', 0, most.memoryBytes);
}

/** The field `placement`, a text that placement-file.ts reads. */
export function parsePlacementField(params: Params): string {
  return text(params, 'placement', maxPlacement);
}

export interface HelloParams {
  protocol: number;
  role: 'gateway' | 'admin';
  /** Release of the caller, for logs. */
  version: string;
  /** What the caller understands beyond the least of the protocol, such as `leaveFeature`. Absent: nothing. */
  features?: readonly string[];
}

/** The caller answers the notification `may_leave` with a call of `shard.leave`. */
export const leaveFeature = 'leave';

/** What a gateway says of a shard that would leave service. */
export interface LeaveView {
  /** Number of the question, as `may_leave` has it. */
  ask: number;
  /** Identity. */
  model: string;
  /** Units that no other shard would serve. */
  alone: readonly HoldingRange[];
  /** Some of them only because another shard that serves them was told that it may leave. */
  contested: boolean;
}

export function leaveViewToParams({ ask, model, alone, contested }: LeaveView): Params {
  return { ask, model, alone: alone.map((range) => [...range]), contested };
}

/** Number of the question that a shard asks with `may_leave`. */
export function parseMayLeave(params: Params): number {
  return integer(params, 'ask');
}

/** `models` are those of the shard, by identity. */
export function parseLeaveView(params: Params, models: ReadonlyMap<string, ModelShape>): LeaveView {
  const identity = string(params, 'model');
  const model = models.get(identity);
  if (model === undefined) throw new RpcError('incompatible', `this shard does not hold model ${identity}`);
  const alone = parseHoldingRanges(params, model, 'alone');
  return { ask: integer(params, 'ask'), model: identity, alone, contested: params.contested === true };
}

export interface HelloAnswer {
  protocol: number;
  version: string;
  /** Drawn when the process starts: two connections with one instance reach the same process. */
  instance: string;
  state: 'available' | 'draining';
  models: readonly ModelOffer[];
  limits: FrameLimits;
  /** Of the placement that it follows; the highest where it follows several, 0 where none. */
  epoch: number;
  /** What placements call it. */
  name?: string;
  /** Memory of its process that is resident now; the notification `memory` brings later values. */
  residentBytes?: number;
}

export interface RunRequest {
  /** Identity. */
  model: string;
  layer: number;
  /** 0: rows of tokens being generated; 1: bulk rows, which may wait for them. */
  priority: 0 | 1;
  trace: string;
  epoch: number;
  /** `[n, hidden]` */
  rows: Float32Array;
  /** `[m, 2]`: (row, expert) */
  asks: Uint16Array;
}

export interface RunAnswer {
  /** `[m, hidden]`, in the order of the asks; not weighted. */
  rows: Float32Array;
  /** Time on the device, shared with whatever was joined. */
  runMs: number;
  queueMs: number;
}

/** What a shard must know of a model to check a request. */
export type ModelShape = Pick<ModelOffer, 'identity' | 'layers' | 'experts' | 'hidden'>;

export function helloParams({ protocol, role, version, features }: HelloParams): Params {
  return { protocol, role, version, ...(features !== undefined && { features: [...features] }) };
}

/** The version comes first: what follows it may look different in another one. */
export function parseHelloParams(params: Params): HelloParams {
  const protocol = sameProtocol(params);
  const role = string(params, 'role');
  if (role !== 'gateway' && role !== 'admin') refuse(`role must be gateway or admin, not ${shown(role)}`);
  const hello = { protocol, role, version: string(params, 'version') } as const;
  return params.features === undefined ? hello : { ...hello, features: featuresOf(params) };
}

/** Those that a hello names; none where it names none. */
export function featuresOf(params: Params): string[] {
  if (params.features === undefined) return [];
  return array(params, 'features', most.features).map((feature) => string({ feature }, 'feature', 32));
}

export function helloAnswerToValue(answer: HelloAnswer): Value {
  const { protocol, version, instance, state, models, limits, epoch, name, residentBytes } = answer;
  const offers = models.map((model) => ({ ...model, holdings: model.holdings.map((range) => [...range]) }));
  const value: Params = { protocol, version, instance, state, models: offers, limits: { ...limits }, epoch };
  if (name !== undefined) value.name = name;
  if (residentBytes !== undefined) value.residentBytes = residentBytes;
  return value;
}

export function parseHelloAnswer(value: Value): HelloAnswer {
  const answer = map(value, 'the answer to hello');
  const protocol = sameProtocol(answer);
  const state = string(answer, 'state');
  if (state !== 'available' && state !== 'draining') {
    refuse(`state must be available or draining, not ${shown(state)}`);
  }
  const limits = map(answer.limits, 'limits');
  return {
    protocol,
    version: string(answer, 'version'),
    instance: string(answer, 'instance'),
    state,
    models: array(answer, 'models', most.models).map(parseModelOffer),
    limits: {
      rows: integer(limits, 'rows', 1, most.rows),
      asks: integer(limits, 'asks', 1, most.asks),
      frameBytes: integer(limits, 'frameBytes', 1, most.frameBytes),
    },
    epoch: integer(answer, 'epoch'),
    ...(answer.name !== undefined && { name: string(answer, 'name') }),
    ...(answer.residentBytes !== undefined && { residentBytes: parseMemory(answer) }),
  };
}

function sameProtocol(params: Params): number {
  const protocol = integer(params, 'protocol');
  if (protocol === protocolVersion) return protocol;
  throw new RpcError('incompatible', `the peer speaks protocol ${protocol}, this side ${protocolVersion}`);
}

function parseModelOffer(value: Value): ModelOffer {
  const offer = map(value, 'an entry of models');
  const layers = integer(offer, 'layers', 1, most.layers);
  const experts = integer(offer, 'experts', 1, Math.min(most.experts, Math.floor(most.units / layers)));
  return {
    identity: string(offer, 'identity'),
    content: string(offer, 'content'),
    numericsClass: string(offer, 'numericsClass'),
    bits: integer(offer, 'bits', 1, most.bits),
    group: integer(offer, 'group', 0, most.hidden),
    layers,
    experts,
    hidden: integer(offer, 'hidden', 1, most.hidden),
    holdings: parseHoldingRanges(offer, { layers, experts }),
    ...(offer.standby === true && { standby: true }),
    ...(offer.placement !== undefined && { placement: parsePlacementField(offer) }),
  };
}

/** The field `name`: triples (layer, first expert, last expert) within the model's shape. */
export function parseHoldingRanges(
  params: Params,
  { layers, experts }: { layers: number; experts: number },
  name = 'holdings',
): HoldingRange[] {
  const units = layers * experts;
  let held = 0;
  return array(params, name, units).map((range) => {
    const [layer, first, last, ...more] = Array.isArray(range) ? range : [];
    if (!isIndex(layer, layers) || !isIndex(first, experts) || !isIndex(last, experts) || more.length > 0) {
      const all = Array.isArray(range) && range.length <= 4 ? range.map(shown).join(', ') : shown(range);
      refuse(`${name} must be triples [layer < ${layers}, first, last < ${experts}], not [${all}]`);
    }
    if (first > last) refuse(`${name} name experts ${first}-${last} of layer ${layer} backwards`);
    held += last - first + 1;
    if (held > units) refuse(`${name} name more than the model's ${units} experts of all layers`);
    return [layer, first, last];
  });
}

export function runRequestToParams({ rows, asks, ...rest }: RunRequest): Params {
  return { ...rest, dtype: 'f32', rows: rowsToBytes(rows), asks: uint16ToBytes(asks) };
}

/** Checks everything but whether the experts are held. `models` are those of the shard, by identity. */
export function parseRunRequest(
  params: Params,
  models: ReadonlyMap<string, ModelShape>,
  limits: FrameLimits,
): RunRequest {
  const identity = string(params, 'model');
  const model = models.get(identity);
  if (model === undefined) {
    const served = [...models.keys()].join(', ');
    throw new RpcError('incompatible', `this shard serves model ${served}, not ${identity}`);
  }
  if (params.dtype !== 'f32') refuse(`dtype must be f32, not ${shown(params.dtype)}`);
  const layer = integer(params, 'layer', 0, model.layers - 1);
  const priority = integer(params, 'priority', 0, 1) === 0 ? 0 : 1;
  const bytes = binary(params, 'rows');
  const count = bytes.byteLength / (model.hidden * Float32Array.BYTES_PER_ELEMENT);
  if (!Number.isInteger(count) || count < 1 || count > limits.rows) {
    refuse(
      `rows must be 1 to ${limits.rows} of ${model.hidden} floats; ${bytes.byteLength} bytes are ${count}`,
    );
  }
  const asks = bytesToUint16(binary(params, 'asks'));
  const pairs = asks.length / 2;
  if (!Number.isInteger(pairs) || pairs < 1 || pairs > limits.asks) {
    refuse(`asks must be 1 to ${limits.asks} pairs of 16-bit numbers, not ${pairs}`);
  }
  for (let i = 0; i < asks.length; i += 2) {
    if (asks[i]! >= count) refuse(`ask ${i / 2} names row ${asks[i]} of ${count}`);
    if (asks[i + 1]! >= model.experts) refuse(`ask ${i / 2} names expert ${asks[i + 1]} of ${model.experts}`);
  }
  const rows = bytesToRows(bytes, count, model.hidden);
  const bad = firstNonFinite(rows);
  if (bad !== undefined) refuse(`row ${Math.floor(bad / model.hidden)} is not finite`);
  const trace = params.trace === undefined ? '' : string(params, 'trace');
  return { model: identity, layer, priority, trace, epoch: integer(params, 'epoch'), rows, asks };
}

export function runAnswerToValue({ rows, runMs, queueMs }: RunAnswer): Value {
  return { rows: rowsToBytes(rows), runMs, queueMs };
}

/** An answer to `asks` pairs of a model `hidden` wide. */
export function parseRunAnswer(value: Value, asks: number, hidden: number): RunAnswer {
  const answer = map(value, 'the answer to expert.run');
  return {
    rows: bytesToRows(binary(answer, 'rows'), asks, hidden),
    runMs: number(answer, 'runMs', 0, most.callMs),
    queueMs: number(answer, 'queueMs', 0, most.callMs),
  };
}

/** Index of the first NaN or infinity, or undefined. */
export function firstNonFinite(values: Float32Array): number | undefined {
  // What is finite times 0 is 0, all else NaN; four sums, because each addition waits for the one before it.
  let [a, b, c, d] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < values.length; i += 4) {
    a += values[i]! * 0;
    b += values[i + 1]! * 0;
    c += values[i + 2]! * 0;
    d += values[i + 3]! * 0;
  }
  for (; i < values.length; i++) a += values[i]! * 0;
  if (a + b + c + d === 0) return undefined;
  return values.findIndex((value) => !Number.isFinite(value));
}
