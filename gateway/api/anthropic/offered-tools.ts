// Finds the tools that a request offers to the model: those in its list, with the additions and removals in its system messages.
import type { Message } from './blocks.ts';
import type { CountRequest } from './schema.ts';
import { isOwn, type OwnTool } from './tools.ts';

export interface OfferedTool {
  tool: OwnTool;
  /** Path of the tool's definition in the request. */
  outer: string;
}

/** The tools that are left after the changes of all messages, in the order of their definitions. */
export function offeredTools({ tools, messages }: Pick<CountRequest, 'tools' | 'messages'>): OfferedTool[] {
  const defined = (tools ?? []).map((tool, i) => ({ tool, outer: `tools[${i}]` }));
  const removed = new Set<string>();
  for (const { block, outer } of toolChanges(messages)) {
    const { tool } = block;
    if (tool.type === 'tool_definition') {
      defined.push({ tool: tool.definition, outer: `${outer}.tool.definition` });
      if (typeof tool.definition.name === 'string') removed.delete(tool.definition.name);
    } else if (block.type === 'tool_removal') removed.add(tool.name);
    else removed.delete(tool.name);
  }
  return defined.flatMap(({ tool, outer }) => {
    return isOwn(tool) && !removed.has(tool.name) ? [{ tool, outer }] : [];
  });
}

function toolChanges(messages: readonly Message[]) {
  return messages.flatMap((message, i) => {
    if (message.role !== 'system' || !Array.isArray(message.content)) return [];
    return message.content.flatMap((block, j) => {
      return block.type === 'text' ? [] : [{ block, outer: `messages[${i}].content[${j}]` }];
    });
  });
}
