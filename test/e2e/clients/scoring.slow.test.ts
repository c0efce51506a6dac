// Scoring with nano at 16 bits. This bundle runs on ONNX Runtime.
import { beforeAll } from 'vitest';
import { nanoAt } from '../../support/models/nano.ts';
import { type Nano, startNano } from './nano.ts';
import { scoringSuite } from './scoring.cases.ts';

let at16: Nano;
beforeAll(async () => {
  at16 = await startNano(`nano=${await nanoAt(16)}`);
});

scoringSuite('nano at 16 bits', () => at16, { dir: () => nanoAt(16), each: 1e-4, sum: 5e-4 });
