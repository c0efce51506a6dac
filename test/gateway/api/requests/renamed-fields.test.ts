// Errors about a translated request have the field names of the client's request.
import { expect, test } from 'vitest';
import { ApiError, ClientGone } from '../../../../gateway/api/errors.ts';
import { type FieldNames, namer, underOuterNames } from '../../../../gateway/api/requests/renamed-fields.ts';

const names: FieldNames = [
  ['messages', 'input'],
  ['messages[1]', 'input[0]'],
  ['messages[1].tool_calls[0]', 'input[2]'],
  ['max_tokens', 'max_output_tokens'],
];

test.each([
  ['messages', 'input'],
  ['messages[0]', 'input[0]'],
  ['messages[1].content[0].text', 'input[0].content[0].text'],
  ['messages[1].tool_calls[0].name', 'input[2].name'],
  ['messages[10].content', 'input[10].content'],
  ['messages_of_mine', 'messages_of_mine'],
  ['max_tokens', 'max_output_tokens'],
  ['temperature', 'temperature'],
])('the inner path %s becomes %s', (inner, outer) => {
  expect(namer(names)(inner)).toBe(outer);
});

test('renaming changes only the param and the quoted names of an error', async () => {
  const message = "Invalid 'messages[1].content': it's not 'max_tokens', nor messages.";
  const error = new ApiError({
    status: 418,
    message,
    param: 'messages[1].content',
    code: 'c',
    headers: { a: 'b' },
  });
  const thrown = await underOuterNames(names, () => Promise.reject(error)).catch((caught: unknown) => caught);
  expect(thrown).toBeInstanceOf(ApiError);
  expect(thrown).toMatchObject({
    ...{ status: 418, code: 'c', headers: { a: 'b' }, param: 'input[0].content' },
    message: "Invalid 'input[0].content': it's not 'max_output_tokens', nor messages.",
  });
});

test('errors that are not about a field are unchanged', async () => {
  for (const other of [new ClientGone(), new Error("'messages'"), 'a text']) {
    await expect(underOuterNames(names, () => Promise.reject(other))).rejects.toBe(other);
  }
  expect(await underOuterNames(names, () => 5)).toBe(5);
});

test('a path with any characters is renamed in the message too, and only once', async () => {
  const pairs: FieldNames = [
    ['messages[1]', 'messages[0].content[0]'],
    ['messages[0]', 'system'],
    ['response_format.json_schema', 'text.format'],
  ];
  const told = async (param: string) => {
    const error = new ApiError({ status: 400, message: `Invalid '${param}': 'messages[0]' too.`, param });
    const work = () => {
      throw error;
    };
    return await underOuterNames(pairs, work).catch((thrown: ApiError) => [thrown.param, thrown.message]);
  };
  const schema = 'text.format.schema["a\'b"].c';
  expect(await told('response_format.json_schema.schema["a\'b"].c')).toEqual([
    schema,
    `Invalid '${schema}': 'system' too.`,
  ]);
  const block = 'messages[0].content[0].name';
  expect(await told('messages[1].name')).toEqual([block, `Invalid '${block}': 'system' too.`]);
});
