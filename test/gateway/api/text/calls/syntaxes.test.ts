// Runs the case suite of the syntaxes of tool calls with few random texts.
import { expect, test } from 'vitest';
import { callModels } from '../../../../support/models/call-models.ts';
import { describeSyntax } from './suite.ts';
import { type OpenModel, openModel } from './support.ts';

// One syntax of each kind. The slow suite tries all of them without special tokens.
const PLAIN = ['Hermes', 'Llama pythonic', 'Qwen3-Coder', 'GPT-OSS'];

for (const model of callModels) {
  describeSyntax(model, { special: true, effort: 1 });
  if (PLAIN.includes(model.name)) describeSyntax(model, { special: false, effort: 1 });
}

test('with channels, a call or the answer may follow the thinking, and only as the mode allows', () => {
  const model = callModels.find(({ name }) => name === 'GPT-OSS');
  if (model === undefined) throw new Error('there is no model with channels');
  const open = openModel(model, { special: true });
  const thought = '<|channel|>analysis<|message|>Hm.<|end|>';
  const next = '<|start|>assistant';
  const final = '<|channel|>final<|message|>Yes.';
  const aside = '<|channel|>commentary<|message|>Looking.<|end|>';
  const thinking = (then: ReturnType<OpenModel['spec']>) => {
    const [begin, end] = ['<|channel|>analysis<|message|>', '<|end|>'].map(open.ids);
    return { type: 'thinking' as const, budget: undefined, open: false, begin, end, then };
  };
  const verdicts = (mode: 'auto' | 'required') => {
    const texts = [
      model.weather,
      thought + next + model.weather,
      final,
      thought + next + final,
      thought + next + aside + next + model.time,
      thought,
      thought + model.weather + next,
    ];
    return texts.map((text) => open.accepts(thinking(open.spec({ mode })), text));
  };
  expect(verdicts('auto')).toEqual([true, true, true, true, true, false, false]);
  expect(verdicts('required')).toEqual([true, true, false, false, false, false, false]);
  const content = { type: 'choice' as const, choices: ['Yes.', 'No.'] };
  const held = thinking(open.spec({ mode: 'auto', tools: [], content }));
  expect([final, final.replace('Yes', 'Hm')].map((text) => open.accepts(held, text))).toEqual([true, false]);
});
