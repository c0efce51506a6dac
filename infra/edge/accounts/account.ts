// An API key of the edge: who it belongs to, and what it may do. Pure.
import { z } from 'zod';
import { scopes } from '../../../resume/signed-request.ts';
import { KEY_NAME, MOST_LIMIT, MOST_WEIGHT } from '../../../tenancy/api-key.ts';

/** Largest number of models or regions that a key may list. */
const MOST_NAMES = 100;
/** Largest budget: token counts stay exact integers. */
const MOST_TOKENS = Number.MAX_SAFE_INTEGER;

const limit = z.int().min(1).max(MOST_LIMIT).nullable();
const names = z.array(z.string().min(1).max(256)).min(1).max(MOST_NAMES).nullable();

/** The properties that an operator chooses. Null: no limit, or any. */
export const accountFields = z.strictObject({
  scopes: z.array(z.enum(scopes)).max(scopes.length),
  /** Values of `model` that requests may name. */
  models: names,
  /** Regions that may serve the key. */
  regions: names,
  /** Requests a minute. */
  rpm: limit,
  /** Tokens of prompts and answers a minute. */
  tpm: limit,
  /** Concurrent requests. */
  concurrency: limit,
  /** Tokens of prompts and answers a calendar month (UTC). */
  budget: z.int().min(1).max(MOST_TOKENS).nullable(),
  /** Share of a gateway's time relative to other busy keys. Null: 1. */
  weight: z.int().min(1).max(MOST_WEIGHT).nullable(),
  /** The key is refused from then on. */
  expires: z.iso
    .datetime({ offset: true })
    .transform((text) => Date.parse(text))
    .nullable(),
  disabled: z.boolean(),
});

export type AccountFields = z.infer<typeof accountFields>;

export const anyFields: AccountFields = {
  scopes: ['generate'],
  models: null,
  regions: null,
  rpm: null,
  tpm: null,
  concurrency: null,
  budget: null,
  weight: null,
  expires: null,
  disabled: false,
};

/** A new key: `anyFields` where nothing else is given. */
export const newAccount = accountFields.partial().extend({
  name: z.string().regex(KEY_NAME),
  /** SHA-256 of an existing secret in hexadecimal, to import it. Absent: a secret is drawn. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});

export type NewAccount = z.infer<typeof newAccount>;

export interface Account extends AccountFields {
  /** Decides who is billed, and stands in logs, metrics and usage. */
  name: string;
  /** First characters of the secret. Empty if the key was imported. */
  shown: string;
  /** Unix milliseconds. */
  created: number;
  /** Until when the secret before the last rotation is valid. Null if there is none. */
  previousUntil: number | null;
}

/** The JSON of the admin API. Never has a secret or its hash. */
export function accountJson({ expires, created, previousUntil, ...rest }: Account) {
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  const { name, shown, ...fields } = rest;
  return {
    ...{ name, shown, ...fields },
    expires: iso(expires),
    created: iso(created),
    previous_until: iso(previousUntil),
  };
}
