// The reference gives the logits of transformers. Tests at 8, 6 and 4 bits then compare the devices with the reference.
// One checkpoint of each layout; reference.slow.test.ts has all.
import { it } from 'vitest';
import { firstNames } from './cases.ts';
import { expectLogitsOfTransformers } from './reference-case.ts';

it.each(await firstNames())('%s', expectLogitsOfTransformers);
