// Starts the edge on Node, as `expertgrid edge` does it.
import { serve } from '../../../../gateway/api/serve.ts';
import { createNodeEdge } from '../../../../infra/edge/node.ts';
import { afterFile } from '../../../support/after-file.ts';
import { ADMIN, callsOver, SECRET, temporaryDatabase } from '../accounts/edge-with-accounts.ts';
import type { OpenFront } from './front.ts';

export const openOnNode: OpenFront = async ({ coldStart = 0, ...options }) => {
  const edge = createNodeEdge({
    ...{ ...options, region: 'eu', secret: () => SECRET, everyMs: 200 },
    coldStartMs: coldStart * 1_000,
    log: () => {},
    accounts: { database: await temporaryDatabase(), adminSecrets: () => [ADMIN] },
  });
  afterFile(async () => edge.close());
  await edge.checked;
  const server = await serve({ app: edge, port: 0 });
  afterFile(() => server.close(0));
  return callsOver((path, init) => fetch(`http://127.0.0.1:${server.port}${path}`, init));
};
