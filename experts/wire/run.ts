// The call `expert.run` and its answer.
//
// Worked example: a frame for layer 2 has two rows. Row 0 goes to experts 3 and 17, row 1 to expert 3:
//   asks   = Uint16Array [0, 3,  0, 17,  1, 3]      pairs (row, expert)
//   answer = rows [3 * hidden], one for each ask, in the order of the asks
import { firstNonFinite } from '../../base/finite.ts';
import { shown } from '../../base/text.ts';
import { RpcError } from '../../rpc/errors.ts';
import { bytesToRows, bytesToUint16, rowsToBytes, uint16ToBytes } from '../../rpc/rows.ts';
import type { Params, Value } from '../../rpc/transport.ts';
import { binary, integer, map, number, refuse, string } from '../fields.ts';
import { type FrameLimits, most } from './bounds.ts';
import type { ModelShape } from './model.ts';

export interface RunRequest {
  /** Identity of the model. */
  model: string;
  layer: number;
  /** 0: decode rows; 1: prefill rows, which run after decode rows. */
  priority: 0 | 1;
  /** Name of the caller's step, such as `step-12`. Empty: none. */
  trace: string;
  /** Epoch of the placement that the gateway acts on. */
  epoch: number;
  /** `[n, hidden]` */
  rows: Float32Array;
  /** `[m, 2]`: pairs (row, expert) */
  asks: Uint16Array;
}

export interface RunAnswer {
  /** `[m, hidden]`, in the order of the asks, not multiplied by the router's weights. */
  rows: Float32Array;
  /** Time of the run on the device. Other calls may be part of the same run. */
  runMs: number;
  /** Time from the arrival of the call to the start of its run. */
  queueMs: number;
}

export function runRequestToParams({ rows, asks, ...rest }: RunRequest): Params {
  return { ...rest, dtype: 'f32', rows: rowsToBytes(rows), asks: uint16ToBytes(asks) };
}

/** Checks all fields, but not whether the experts are held. `models` are the models of the shard by identity. */
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
      `rows must be 1 to ${limits.rows} rows of ${model.hidden} floats; ${bytes.byteLength} bytes are ${count} rows`,
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

/** `asks` is the number of pairs in the request, `hidden` the width of a row. */
export function parseRunAnswer(value: Value, asks: number, hidden: number): RunAnswer {
  const answer = map(value, 'the answer to expert.run');
  return {
    rows: bytesToRows(binary(answer, 'rows'), asks, hidden),
    runMs: number(answer, 'runMs', 0, most.callMs),
    queueMs: number(answer, 'queueMs', 0, most.callMs),
  };
}
