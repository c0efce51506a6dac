// The edge as a Worker under `wrangler dev`: the cases that hold for every host.
import { describe } from 'vitest';
import { affinityCases } from './affinity.cases.ts';
import { coldStartCases } from './cold-start.cases.ts';
import { corsCases } from './cors.cases.ts';
import { ejectionCases } from './ejection.cases.ts';
import { errorCases } from './errors.cases.ts';
import { openInWorker } from './in-worker.ts';
import { regionCases } from './regions.cases.ts';

describe('in the Worker', () => {
  describe('affinity', () => affinityCases(openInWorker));
  describe('regions', () => regionCases(openInWorker));
  describe('ejection', () => ejectionCases(openInWorker));
  describe('CORS', () => corsCases(openInWorker));
  describe('errors', () => errorCases(openInWorker));
  describe('a cold start', () => coldStartCases(openInWorker));
});
