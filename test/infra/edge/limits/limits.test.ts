// The limits of keys on Node.

import { openEdge } from '../accounts/edge-with-accounts.ts';
import { limitCases } from './limits.cases.ts';

limitCases(openEdge);
