// Zod schemas of the fields and items of the Responses API that are refused with advice on what to send instead. No value passes
// these schemas.
import { z } from 'zod';

const ADVICE = "Send all items of the conversation in 'input'";

const nothingStored = (what: string) =>
  `This server stores no responses, so ${what}. ${ADVICE} (with the AI SDK: providerOptions.openai.store = false).`;

const code = 'unsupported_parameter';

const field = (what: string) =>
  z
    .unknown()
    .superRefine((_, context) => {
      context.addIssue({ code: 'custom', message: nothingStored(what), params: { code } });
    })
    .optional()
    .describe('Refused: nothing is stored.');

export const refusedFields = {
  previous_response_id: field("the response that 'previous_response_id' means is not found"),
  conversation: field("the conversation that 'conversation' means is not found"),
};

/** Largest number of characters of an id that a message quotes. */
const LONGEST_ID = 100;

/** Types of items that are refused, each with its error message. The argument is the id of the item. */
const itemMessages = {
  item_reference: (id) => nothingStored(`the item '${id}' of an earlier response is not found`),
  compaction: () =>
    `An item of the type 'compaction' is encrypted, so this server cannot read it. ${ADVICE} instead.`,
  compaction_trigger: () => `This server compacts no conversations. ${ADVICE}.`,
  computer_call: () => 'Computer use is not supported: no model here reads images.',
  computer_call_output: () => 'Computer use is not supported: no model here reads images.',
  configuration_update: () =>
    "Settings cannot change within a conversation. Set 'reasoning' and 'text' of the request instead.",
  mcp_approval_response: () =>
    'This server calls no MCP servers, so there is no call to approve. Call them yourself.',
  program: () => 'Programs that call tools are not supported.',
  program_output: () => 'Programs that call tools are not supported.',
} satisfies Record<string, (id: string) => string>;

const types = Object.keys(itemMessages) as (keyof typeof itemMessages)[];

export const refusedItems = types.map((type) => {
  return z.looseObject({ type: z.literal(type) }).transform((item, context): never => {
    const id = typeof item.id === 'string' ? item.id.slice(0, LONGEST_ID) : '';
    context.issues.push({
      code: 'custom',
      input: item,
      path: ['type'],
      message: itemMessages[type](id),
      params: { code },
    });
    return z.NEVER;
  });
});
