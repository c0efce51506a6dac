// Sharding and batching change no bit: at the precision of the CPU's integer products, and at float32.
import { identityCases } from './identity.cases.ts';

identityCases({ bits: 4, k: [1, 1, 1], among: [['--in-process'], ['--shards', '4']] });
identityCases({ bits: 32, k: [2, 1, 4], among: [['--in-process'], ['--shards', '4']] });
