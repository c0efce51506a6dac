// The reference gives the logits of transformers. Tests at 8, 6 and 4 bits then compare the devices with the reference.
// numerics.test.ts would also notice a fault of the reference, but not whose fault it is.
import { it } from 'vitest';
import { computedNames } from './cases.ts';
import { expectLogitsOfTransformers } from './reference-case.ts';

it.each(await computedNames())('%s', expectLogitsOfTransformers);
