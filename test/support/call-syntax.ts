// The call syntax of Hermes, Qwen2.5 and Qwen3, which most tests of tool calls use.
import type { CallSyntax } from '../../gateway/constraints/specification.ts';

export const HERMES_CALLS: CallSyntax = {
  marker: '<tool_call>',
  begin: '',
  beforeName: '<tool_call>\n{"name": ',
  name: 'json',
  beforeArguments: ', "arguments": ',
  arguments: { form: 'json' },
  afterArguments: '}\n</tool_call>',
  between: '\n',
  end: '',
};
