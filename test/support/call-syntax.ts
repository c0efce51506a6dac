// The call syntax of Hermes, Qwen2.5 and Qwen3, which most tests of tool calls use.
import type { CallSyntax } from '../../gateway/constraints/specification.ts';

export const HERMES_CALLS: CallSyntax = {
  begin: '<tool_call>\n',
  end: '\n</tool_call>',
  nameKey: 'name',
  argumentsKey: 'arguments',
  separator: '\n',
};
