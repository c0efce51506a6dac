import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadTextSide } from '../../../../gateway/api/text/text-side.ts';
import { byteLevelTokenizer, CHAT_TEMPLATE } from '../../../support/models/tokenizer.ts';

const messages = [{ role: 'user', content: 'hi' }] as const;
const names = { bos_token: '<|endoftext|>', eos_token: { content: '<|end|>' } };

/** Makes a checkpoint's directory with these files. Values that are not text are written as JSON. */
async function directory(files: Record<string, unknown>): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'expertgrid-text-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  for (const [name, content] of Object.entries({ 'tokenizer.json': byteLevelTokenizer(), ...files })) {
    await writeFile(path.join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return dir;
}

test('loadTextSide needs only tokenizer.json; without other files there is no template, stop id or bos', async () => {
  const { template, stopIds, bos } = await loadTextSide(await directory({}));
  expect({ template, stopIds, bos }).toEqual({ template: undefined, stopIds: [], bos: undefined });
});

test('stop ids are the number or list in generation_config.json', async () => {
  const one = await loadTextSide(await directory({ 'generation_config.json': { eos_token_id: 7 } }));
  expect(one.stopIds).toEqual([7]);
  const several = { 'generation_config.json': { eos_token_id: [7, 8] }, 'config.json': { eos_token_id: 9 } };
  expect((await loadTextSide(await directory(several))).stopIds).toEqual([7, 8]);
});

test('samples as generation_config.json says, unless it says that the model does not sample', async () => {
  const wanted = { temperature: 0.6, top_p: 0.95, top_k: 20, min_p: 0.01, repetition_penalty: 1.1 };
  const samplingOf = async (generation: object) => {
    return (await loadTextSide(await directory({ 'generation_config.json': generation }))).sampling;
  };
  expect(await samplingOf({ ...wanted, do_sample: true, max_length: 20 })).toEqual(wanted);
  expect(await samplingOf({ temperature: 0.6, top_p: null })).toEqual({ temperature: 0.6 });
  expect(await samplingOf({ ...wanted, do_sample: false })).toEqual({});
  expect((await loadTextSide(await directory({}))).sampling).toEqual({});
});

test('without generation_config.json, stop ids come from config.json or else tokenizer_config.json', async () => {
  const config = { 'config.json': { eos_token_id: 9 }, 'tokenizer_config.json': names };
  expect((await loadTextSide(await directory(config))).stopIds).toEqual([9]);
  const { stopIds, bos, tokenizer, tokenizerInfo } = await loadTextSide(
    await directory({ 'tokenizer_config.json': names }),
  );
  expect(tokenizerInfo).toEqual({ bos_token: '<|endoftext|>', eos_token: '<|end|>' });
  expect({ stopIds, bos }).toEqual({
    stopIds: [tokenizer.idOf('<|end|>')],
    bos: tokenizer.idOf('<|endoftext|>'),
  });
});

test('a template gets the messages, the special tokens and add_generation_prompt', async () => {
  const dir = await directory({ 'tokenizer_config.json': { ...names, chat_template: CHAT_TEMPLATE } });
  const { template } = await loadTextSide(dir);
  expect(template?.render({ messages })).toBe('<|endoftext|><|user|>hi<|end|><|assistant|>');
});

test('the template named "default" is used from a list, unless there is a file chat_template.jinja', async () => {
  const list = [
    { name: 'tool_use', template: 'tools' },
    { name: 'default', template: 'default' },
  ];
  const config = { ...names, chat_template: list };
  expect(
    (await loadTextSide(await directory({ 'tokenizer_config.json': config }))).template?.render({ messages }),
  ).toBe('default');
  const both = await directory({
    'tokenizer_config.json': config,
    'chat_template.jinja': 'file {{ eos_token }}',
  });
  expect((await loadTextSide(both)).template?.render({ messages })).toBe('file <|end|>');
});

test.each([
  ['tokenizer.json', 'not json', /tokenizer\.json: not valid JSON/],
  ['generation_config.json', { eos_token_id: 'x' }, /generation_config\.json: eos_token_id contains "x"/],
  ['generation_config.json', { temperature: 2.5 }, /temperature is 2\.5, which is not a number from 0 to 2/],
  ['generation_config.json', { top_p: '1' }, /top_p is "1", which is not a number from 0 to 1/],
  ['generation_config.json', { top_k: 1.5 }, /top_k is 1\.5, which is not an integer from -1 to 2147483647/],
  ['tokenizer_config.json', { chat_template: '{% if %}' }, /tokenizer_config\.json: chat_template: /],
  ['chat_template.jinja', '{{ x | pprint }}', /chat_template\.jinja: the template uses the filter 'pprint'/],
  ['tokenizer_config.json', { chat_template: [{ name: 'rag', template: '' }] }, /named "default"/],
  ['config.json', '[]', /config\.json: not a JSON object/],
])('an invalid %s throws an error that names the file', async (name, content, message) => {
  await expect(loadTextSide(await directory({ [name]: content }))).rejects.toThrow(message);
});

test('a directory without a tokenizer is an error that names the file', async () => {
  await expect(loadTextSide('/nonexistent')).rejects.toThrow(/tokenizer\.json: no such file/);
});
