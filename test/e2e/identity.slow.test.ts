// Sharding and batching change no bit: the precisions that the core suite leaves out.
import { identityCases } from './identity.cases.ts';

identityCases({ bits: 8, k: [1, 3, 2] });
identityCases({ bits: 16, k: [1, 1, 1] });
