// The edge on Node: the cases that hold for every host.
import { describe } from 'vitest';
import { affinityCases } from './affinity.cases.ts';
import { coldStartCases } from './cold-start.cases.ts';
import { corsCases } from './cors.cases.ts';
import { ejectionCases } from './ejection.cases.ts';
import { errorCases } from './errors.cases.ts';
import { openOnNode } from './on-node.ts';
import { regionCases } from './regions.cases.ts';

describe('on Node', () => {
  describe('affinity', () => affinityCases(openOnNode));
  describe('regions', () => regionCases(openOnNode));
  describe('ejection', () => ejectionCases(openOnNode));
  describe('CORS', () => corsCases(openOnNode));
  describe('errors', () => errorCases(openOnNode));
  describe('a cold start', () => coldStartCases(openOnNode));
});
