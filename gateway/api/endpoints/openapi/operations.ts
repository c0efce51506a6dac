// Every operation of the API, in the order of the API's description.
import { completionOperations } from './completions.ts';
import { messageOperations } from './messages.ts';
import { modelOperations } from './models.ts';
import { operatorOperations } from './operate.ts';
import type { Method, Operation, Operations } from './operation.ts';
import { pageOperations } from './pages.ts';
import { responseOperations } from './responses.ts';
import { tokenOperations } from './tokens.ts';

const byRoute: Operations = {
  ...completionOperations,
  ...responseOperations,
  ...messageOperations,
  ...tokenOperations,
  ...modelOperations,
  ...operatorOperations,
  ...pageOperations,
};

export const operations: readonly Operation[] = Object.entries(byRoute).map(([route, described]) => {
  const [method, path] = route.split(' ') as [Method, string];
  return { method, path, ...described };
});
