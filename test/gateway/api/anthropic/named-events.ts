// Reads a stream of named server-sent events, each checked against its published shape. Knows no endpoint.
import { expect } from 'vitest';
import type { z } from 'zod';

/** The parsed events in order; each is named by its own type, and nothing else but comments is in the stream. */
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
