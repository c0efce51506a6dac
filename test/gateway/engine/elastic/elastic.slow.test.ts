// Every setting of experts per token and every rule of weights against the slow reference.
import { describeReference, routings } from './elastic.cases.ts';

for (const score of ['softmax', 'softmax-renormalised', 'sigmoid'] as const)
  describeReference(score, routings);
