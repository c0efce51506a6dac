// A placement as operators write it and shards keep it: parsed, checked, signed. Knows no disk and no sockets.
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
  /** A placement with a higher epoch replaces it. */
  epoch: number;
  /** Holdings by name of the shard, as `expertgrid shard --experts` takes them; empty for none. */
  shards: Record<string, string>;
}

/** Who applied a placement, for other operators to read. No decision depends on it, and it is not signed. */
export interface Applied {
  /** `user@host`. */
  by: string;
  /** ISO 8601. */
  at: string;
}

export interface SignedPlacement extends Placement {
  applied?: Applied;
  /** HMAC-SHA256 in hex over the text of the rest, with the fleet's secret; absent if the fleet has none. */
  signature?: string;
}

/** The signed text starts with this, so that no other message can pass for a placement. */
const LABEL = 'expertgrid placement 1\0';

/** Checks a parsed value, except the holdings: `unitsOf` checks them, because it knows the model's shape. */
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

/** The text that a placement's hash and signature are computed over. */
export function contentText({ version, model, epoch, shards }: Placement): string {
  return canonicalJson({ version, model, epoch, shards });
}

/** The canonical text of a placement, whatever the order of its fields was. */
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

/** The units that the shard `name` is to hold; undefined if the placement does not name it. Throws if they cannot be parsed. */
export function unitsOf(
  { shards }: Pick<Placement, 'shards'>,
  name: string,
  shape: HoldingShape,
): Unit[] | undefined {
  const holdings = Object.hasOwn(shards, name) ? shards[name] : undefined;
  if (holdings === undefined || holdings === '') return holdings === '' ? [] : undefined;
  try {
    return parseHoldings(holdings, shape);
  } catch (cause) {
    const reason = errorText(cause);
    throw new Error(`placement: shards.${name}: ${reason}`, { cause });
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

/** A line without control characters, because other operators read it on their terminals. */
function isLine(value: unknown): value is string {
  return typeof value === 'string' && /^[^\p{C}]{1,200}$/u.test(value);
}

function fields(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new Error(`placement: ${what} must be an object`);
}
