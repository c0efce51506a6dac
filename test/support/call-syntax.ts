// How Hermes, Qwen2.5 and Qwen3 write a call: the syntax that tests of calls take unless they are about another one.
import type { CallSyntax } from '../../gateway/constraints/specification.ts';

export const HERMES_CALLS: CallSyntax = {
  begin: '<tool_call>\n',
  end: '\n</tool_call>',
  nameKey: 'name',
  argumentsKey: 'arguments',
  separator: '\n',
};
