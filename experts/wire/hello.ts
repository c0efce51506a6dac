// The call `hello`, which begins each connection, and the notification `memory`, which updates a field of the hello's answer.
import { shown } from '../../base/text.ts';
import { RpcError } from '../../rpc/errors.ts';
import type { Params, Value } from '../../rpc/transport.ts';
import { array, integer, map, refuse, string } from '../fields.ts';
import { type FrameLimits, most } from './bounds.ts';
import { type ModelOffer, parseModelOffer } from './model.ts';

export const PROTOCOL_VERSION = 1;

export interface HelloParams {
  protocol: number;
  role: 'gateway' | 'admin';
  /** Release of the caller, for logs. */
  version: string;
  /** Optional parts of the protocol that the caller supports, such as `LEAVE_FEATURE`. Absent: none. */
  features?: readonly string[];
}

export interface HelloAnswer {
  protocol: number;
  version: string;
  /** A random text for each process. Two connections with the same instance lead to the same process. */
  instance: string;
  state: 'available' | 'draining';
  models: readonly ModelOffer[];
  limits: FrameLimits;
  /** Epoch of the placement that the shard follows. 0 if it follows none; the highest if several models have placements. */
  epoch: number;
  /** Name of the shard in placements. */
  name?: string;
  /** Where the shard runs, such as `eu`. Gateways prefer shards of their own zone. Absent: near to every gateway. */
  zone?: string;
  /** Resident memory of the shard's process now; the notification `memory` brings later values. */
  residentBytes?: number;
}

/** Reads `residentBytes`, the only parameter of the notification `memory`. */
export function parseMemory(params: Params): number {
  return integer(params, 'residentBytes', 0, most.memoryBytes);
}

export function helloParams({ protocol, role, version, features }: HelloParams): Params {
  return { protocol, role, version, ...(features !== undefined && { features: [...features] }) };
}

/** Reads `protocol` first, because another version of the protocol may have other fields. */
export function parseHelloParams(params: Params): HelloParams {
  const protocol = sameProtocol(params);
  const role = string(params, 'role');
  if (role !== 'gateway' && role !== 'admin') refuse(`role must be gateway or admin, not ${shown(role)}`);
  const hello = { protocol, role, version: string(params, 'version') } as const;
  return params.features === undefined ? hello : { ...hello, features: featuresOf(params) };
}

/** The features in the params of a hello; empty if the field is absent. */
export function featuresOf(params: Params): string[] {
  if (params.features === undefined) return [];
  return array(params, 'features', most.features).map((feature) => string({ feature }, 'feature', 32));
}

export function helloAnswerToValue(answer: HelloAnswer): Value {
  const { protocol, version, instance, state, models, limits, epoch, name, zone, residentBytes } = answer;
  const offers = models.map((model) => ({ ...model, holdings: model.holdings.map((range) => [...range]) }));
  const value: Params = { protocol, version, instance, state, models: offers, limits: { ...limits }, epoch };
  if (name !== undefined) value.name = name;
  if (zone !== undefined) value.zone = zone;
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
    ...(answer.zone !== undefined && { zone: string(answer, 'zone', most.zone) }),
    ...(answer.residentBytes !== undefined && { residentBytes: parseMemory(answer) }),
  };
}

function sameProtocol(params: Params): number {
  const protocol = integer(params, 'protocol');
  if (protocol === PROTOCOL_VERSION) return protocol;
  throw new RpcError('incompatible', `the peer speaks protocol ${protocol}, this side ${PROTOCOL_VERSION}`);
}
