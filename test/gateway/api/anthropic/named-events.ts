// Reads a stream of named server-sent events, and checks each against its published shape.
import { expect } from 'vitest';
import type { z } from 'zod';

/** The parsed events in order. Checks that each event has its type as name, and that the stream contains only events and comments. */
export function namedEvents<Shape extends z.ZodType<{ type: string }>>(
  text: string,
  shape: Shape,
): z.infer<Shape>[] {
  expect(text.endsWith('\n\n')).toBe(true);
  const blocks = text.split('\n\n').filter((block) => block !== '' && !block.startsWith(':'));
  return blocks.map((block) => {
    const [, name, data] = /^event: (\S+)\ndata: ([^\n]+)$/.exec(block) ?? [];
    if (data === undefined) throw new Error(`not a named event: ${block}`);
    const parsed = shape.parse(JSON.parse(data));
    expect(parsed.type).toBe(name);
    return parsed;
  });
}
