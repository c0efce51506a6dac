// Sharding and batching change no bit, at the precision of the CPU's integer products. The slow suite tests the other
// precisions.
import { identityCases } from './identity.cases.ts';

identityCases({ bits: 4, k: [1, 1, 1], among: [['--in-process'], ['--shards', '4']] });
