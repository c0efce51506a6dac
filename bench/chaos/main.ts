// `npm run chaos`: faults of shards (run.ts), or with `--part gateways` faults of gateways (../gateways/run.ts).
import { parseArgs } from 'node:util';

const { part } = parseArgs({ options: { part: { type: 'string' } }, strict: false }).values;
if (part === 'gateways') await import('../gateways/run.ts');
else if (part === undefined) await import('./run.ts');
else throw new Error(`--part ${part}: the only part is gateways; without it, the shards get the faults`);
