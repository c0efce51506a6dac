// Every operation of the API, in the order in which the description lists them.
import { completionOperations } from './completions.ts';
import { messageOperations } from './messages.ts';
import { modelOperations } from './models.ts';
import { operatorOperations } from './operate.ts';
import type { Operation } from './operation.ts';
import { pageOperations } from './pages.ts';
import { responseOperations } from './responses.ts';
import { tokenOperations } from './tokens.ts';

export const operations: readonly Operation[] = [
  ...completionOperations,
  ...responseOperations,
  ...messageOperations,
  ...tokenOperations,
  ...modelOperations,
  ...operatorOperations,
  ...pageOperations,
];
