// Vitest runs this before every test file.
import { afterAll } from 'vitest';
import { runAfterFile } from './after-file.ts';

afterAll(runAfterFile);
