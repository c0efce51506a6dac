// Scoring with the 16-bit bundle from which nano was converted. This bundle runs on ONNX Runtime.
import { beforeAll } from 'vitest';
import { nanoSource } from '../../support/models/nano.ts';
import { type Nano, startNano } from './nano.ts';
import { scoringSuite } from './scoring.cases.ts';

let source: Nano;
beforeAll(async () => {
  source = await startNano(`nano=${nanoSource}`);
});

scoringSuite('the 16-bit source', () => source, { dir: nanoSource, each: 1e-3, sum: 5e-3 });
