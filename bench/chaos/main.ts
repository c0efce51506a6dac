// `npm run chaos`: faults of shards (run.ts), or with `--part gateways` or `--part cells` faults of gateways or of whole cells
// (../gateways/run.ts).
import { parseArgs } from 'node:util';

const { part } = parseArgs({ options: { part: { type: 'string' } }, strict: false }).values;
const parts: Record<string, () => Promise<unknown>> = {
  shards: () => import('./run.ts'),
  gateways: () => import('../gateways/run.ts'),
  cells: async () => {
    const { enterNamespaces } = await import('../gateways/cells.ts');
    if (enterNamespaces()) await import('../gateways/run.ts');
  },
};
const run = parts[String(part ?? 'shards')];
if (run === undefined)
  throw new Error(`--part ${part}: the parts are gateways and cells; without it, the shards get the faults`);
await run();
