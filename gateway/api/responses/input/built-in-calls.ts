// Translates a call of one of OpenAI's built-in tools to a function call and, if the item contains it, the result of the call.
//
// Worked example: {type: 'shell_call', call_id: 'c', action: {commands: ['ls']}} becomes a call of the function `shell` with the id
// `c` and the arguments {"commands":["ls"]}.
import type { BuiltInCall } from './items.ts';

/** A call, the result of a call, or both. */
export interface ShownCall {
  id: string;
  call?: { name: string; arguments: string };
  result?: string;
}

type Shown = { [Type in BuiltInCall['type']]: (item: Extract<BuiltInCall, { type: Type }>) => ShownCall };

const shown: Shown = {
  local_shell_call: ({ id, call_id, action }) => {
    return { id: call_id ?? id ?? '', call: { name: 'local_shell', arguments: JSON.stringify(action) } };
  },
  local_shell_call_output: ({ id, call_id, output }) => ({ id: call_id ?? id ?? '', result: output }),
  shell_call: ({ call_id, action }) => {
    return { id: call_id, call: { name: 'shell', arguments: JSON.stringify(action) } };
  },
  shell_call_output: ({ call_id, output }) => ({ id: call_id, result: textOf(output) }),
  apply_patch_call: ({ call_id, operation }) => {
    return { id: call_id, call: { name: 'apply_patch', arguments: JSON.stringify(operation) } };
  },
  apply_patch_call_output: ({ call_id, status, output }) => {
    return { id: call_id, result: output ?? status ?? '' };
  },
  mcp_call: ({ id, server_label, name, arguments: text, output, error }) => {
    return {
      id,
      call: { name: `${server_label}__${name}`, arguments: text },
      result: output ?? textOf(error ?? ''),
    };
  },
  code_interpreter_call: ({ id, code, outputs }) => {
    const call = { name: 'code_interpreter', arguments: JSON.stringify({ code }) };
    return { id, call, result: textOf(outputs ?? '') };
  },
  file_search_call: ({ id, queries, results }) => {
    const call = { name: 'file_search', arguments: JSON.stringify({ queries }) };
    return { id, call, result: textOf(results ?? '') };
  },
};

export function shownCall(item: BuiltInCall): ShownCall {
  const show = shown[item.type] as (item: BuiltInCall) => ShownCall;
  return show(item);
}

export function isBuiltInCall<Item extends { type?: string | undefined }>(
  item: Item,
): item is Item & BuiltInCall {
  return item.type !== undefined && Object.hasOwn(shown, item.type);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
