// The JSON text of a placement, as operators write it and shards save it: parsing, checks and the signature.
//
// Worked example:
//   { "version": 1, "model": "sha256:…", "epoch": 3, "shards": { "a": "0-47", "b": "48-95,0:3" }, "signature": "5f…" }

import { createHmac, timingSafeEqual } from 'node:crypto';
import { errorText } from '../../base/error-text.ts';
import { canonicalJson } from '../../model/bundle/hash.ts';
import type { Unit } from '../../model/devices/expert.ts';
import { type HoldingShape, parseHoldings } from '../holdings.ts';

export interface Placement {
  version: 1;
  /** Identity of the checkpoint. */
  model: string;
  /** A placement with a higher epoch replaces this one. */
  epoch: number;
  /** Holdings by name of the shard, in the form of `expertgrid shard --experts`. An empty text means no experts. */
  shards: Record<string, string>;
}

/** The operator who applied a placement, for other operators to read. No decision depends on it, and it is not signed. */
export interface Applied {
  /** `user@host`. */
  by: string;
  /** ISO 8601. */
  at: string;
}

export interface SignedPlacement extends Placement {
  applied?: Applied;
  /** HMAC-SHA256 of `contentText` in hex, with the fleet's secret. Absent if the fleet has no secret. */
  signature?: string;
}

/** Begins the signed text, so that the signature of another kind of message is never valid for a placement. */
const LABEL = 'expertgrid placement 1\0';

/** Checks a parsed JSON value. `unitsOf` checks the holdings later, because that needs the model's shape. */
export function parsePlacement(value: unknown): SignedPlacement {
  const { version, model, epoch, shards, applied, signature } = fields(value, 'the placement');
  if (version !== 1) throw new Error(`placement: version must be 1, not ${JSON.stringify(version)}`);
  if (typeof model !== 'string') throw new Error('placement: model must be the identity of a checkpoint');
  if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 0) {
    throw new Error('placement: epoch must be a whole number');
  }
  const held = Object.entries(fields(shards, 'shards')).map(([name, holdings]): [string, string] => {
    if (typeof holdings === 'string') return [name, holdings];
    throw new Error(`placement: shards.${name} must be text such as 0-23,3:40`);
  });
  const content = { version, model, epoch, shards: Object.fromEntries(held) } as const;
  const placement = applied === undefined ? content : { ...content, applied: parseApplied(applied) };
  if (signature === undefined) return placement;
  if (typeof signature === 'string' && /^[0-9a-f]{64}$/.test(signature)) return { ...placement, signature };
  throw new Error('placement: signature must be 64 hex digits');
}

export function readPlacement(text: string): SignedPlacement {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error('placement: is not JSON', { cause });
  }
  return parsePlacement(value);
}

/** The text from which the hash and the signature of a placement are computed. */
export function contentText({ version, model, epoch, shards }: Placement): string {
  return canonicalJson({ version, model, epoch, shards });
}

/** The canonical text of a placement. It does not depend on the order of fields. */
export function placementText(placement: SignedPlacement): string {
  return canonicalJson(placement);
}

export function signPlacement(placement: SignedPlacement, secret: Uint8Array): SignedPlacement {
  return { ...placement, signature: signatureOf(placement, secret) };
}

export function isSignedBy({ signature, ...placement }: SignedPlacement, secret: Uint8Array): boolean {
  if (signature === undefined) return false;
  return timingSafeEqual(Buffer.from(signature, 'hex'), Buffer.from(signatureOf(placement, secret), 'hex'));
}

/** The units that the placement wants on shard `name`; undefined if the shard is not named. Throws if the text is wrong. */
export function unitsOf(
  { shards }: Pick<Placement, 'shards'>,
  name: string,
  shape: HoldingShape,
): Unit[] | undefined {
  const holdings = Object.hasOwn(shards, name) ? shards[name] : undefined;
  if (holdings === undefined) return undefined;
  if (holdings === '') return [];
  try {
    return parseHoldings(holdings, shape);
  } catch (cause) {
    throw new Error(`placement: shards.${name}: ${errorText(cause)}`, { cause });
  }
}

function signatureOf(placement: Placement, secret: Uint8Array): string {
  return createHmac('sha256', secret).update(LABEL).update(contentText(placement)).digest('hex');
}

export function parseApplied(value: unknown): Applied {
  const { by, at } = fields(value, 'applied');
  if (isLine(by) && isLine(at)) return { by, at };
  throw new Error('placement: applied must have by and at, each a line of at most 200 characters');
}

/** A text of 1 to 200 characters without control characters, because other operators read it on their terminals. */
function isLine(value: unknown): value is string {
  return typeof value === 'string' && /^[^\p{C}]{1,200}$/u.test(value);
}

function fields(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new Error(`placement: ${what} must be an object`);
}
