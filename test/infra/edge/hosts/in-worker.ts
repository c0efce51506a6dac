// Starts the edge as a Worker under `wrangler dev`, with D1 and Durable Objects.
import { afterFile } from '../../../support/after-file.ts';
import { startEdge } from '../../edge-process.ts';
import { ADMIN, callsOver, SECRET } from '../accounts/edge-with-accounts.ts';
import type { OpenFront } from './front.ts';

export const openInWorker: OpenFront = async ({ regions, corsOrigins, coldStart }) => {
  const options = { secret: SECRET, adminSecret: ADMIN, region: 'eu', corsOrigins, coldStart };
  const edge = await startEdge(regions, options);
  afterFile(() => edge.stop());
  return callsOver((path, init) => fetch(edge.url + path, init));
};
