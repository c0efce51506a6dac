// Tool calls in the syntax of each model, through the clients that OpenAI and Anthropic publish.
import { test } from 'vitest';
import { callModels } from '../../../support/models/call-models.ts';
import { requireCalls } from './call-rooms.ts';

test.each(callModels)(
  'calls of $name reach the clients of the three endpoints, whole and streamed',
  requireCalls,
);
