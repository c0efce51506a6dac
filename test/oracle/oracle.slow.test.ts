// Compares our logits with those of transformers, for all checkpoints.
import { it } from 'vitest';
import { computedNames } from './cases.ts';
import { expectAgreement } from './expect-agreement.ts';

it.each(await computedNames())(
  '%s at 32 bits over 3 shards: logits are those of transformers',
  expectAgreement,
);
