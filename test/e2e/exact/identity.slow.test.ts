// Sharding and batching change no bit: every layout at the precisions that the core suite does not test or tests only in part.
import { identityCases } from './identity.cases.ts';

identityCases({ bits: 4, k: [1, 1, 1] });
identityCases({ bits: 6, k: [2, 1, 1] });
identityCases({ bits: 8, k: [1, 3, 2] });
identityCases({ bits: 16, k: [1, 1, 1] });
identityCases({ bits: 32, k: [2, 1, 4] });
