// Loads the console's pure modules as browsers load them, and declares their types. None of these modules needs a page.
const at = (name: string) => import(new URL(`../../console/${name}`, import.meta.url).href);

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface Stretch {
  step: number;
  start: number;
  series: Record<string, (number | null)[]>;
}

export interface PastAnswer {
  started: number;
  seconds: Stretch;
  minutes: Stretch;
}

interface Past {
  readonly since: number;
  seconds: Stretch;
  minutes: Stretch;
  add(answer: PastAnswer): void;
}

export interface Line {
  text: string;
  at: number;
}

/** A node of any kind, with the fields of all kinds. */
export interface Block {
  type: 'paragraph' | 'heading' | 'code' | 'quote' | 'list' | 'table' | 'rule';
  from: number;
  to: number;
  lines?: Line[];
  level?: number;
  language?: string;
  blocks?: Block[];
  start?: number;
  items?: Block[][];
  align?: (string | undefined)[];
  rows?: Line[][];
}

export interface Inline {
  type: 'text' | 'code' | 'em' | 'strong' | 'del' | 'link';
  text?: string;
  at?: number;
  href?: string;
  children?: Inline[];
}

export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface Conversation {
  id: string;
  title: string;
  at: number;
  model: string;
  messages: Message[];
}

interface Pieces {
  text: string;
  tokens: { text: string; route: number[][] }[];
  add(text: string, routes: readonly number[][][]): void;
  within(from: number, to: number): { index: number; from: number; to: number }[];
  tokenOf(index: number): number | undefined;
  pieceOf(token: number): number | undefined;
}

export interface Cell {
  layer: number;
  expert: number;
}

interface HeatGrid {
  height: number;
  ticks: { experts: number[]; layers: number[] };
  box(cell: Cell): { x: number; y: number; width: number; height: number };
  cellAt(x: number, y: number): Cell | undefined;
}

interface Size {
  layers: number;
  experts: number;
}

export const samples: {
  parseSamples(page: string, wanted?: (name: string) => boolean): Map<string, Sample[]>;
  total(samples: ReadonlyMap<string, Sample[]>, name: string): number | undefined;
} = await at('watch/samples.js');

export const past: {
  Past: new () => Past;
  joined(known: Stretch, more: Stretch, kept: number): Stretch;
} = await at('watch/series.js');

export const missing: {
  missingText(missing: readonly { model?: string; layer: number; experts: string }[]): {
    headline: string;
    items: string[];
  };
} = await at('watch/missing.js');

export const grid: {
  HeatGrid: new (options: Size & { width: number; density: number }) => HeatGrid;
  moved(cell: Cell, key: string, size: Size): Cell | undefined;
} = await at('watch/heat-grid.js');

export const colours: {
  palette(stops: readonly string[]): string[];
  shadeOf(ratio: number): number;
} = await at('watch/heat-colours.js');

export const scale: {
  roundTop(most: number): number;
  pathOf(places: readonly (readonly [number, number] | undefined)[]): string;
} = await at('watch/scale.js');

export const events: {
  eventData(pieces: AsyncIterable<string>): AsyncGenerator<string, void, undefined>;
} = await at('playground/events.js');

export const pieces: { Pieces: new () => Pieces } = await at('playground/pieces.js');

export const conversations: {
  MOST_CONVERSATIONS: number;
  MOST_CHARACTERS: number;
  withConversation(list: readonly Conversation[], conversation: Conversation): Conversation[];
  withoutConversation(list: readonly Conversation[], id: string): Conversation[];
  titleOf(messages: readonly Message[]): string;
  conversationsOf(value: unknown): Conversation[];
} = await at('playground/conversations.js');

export const markdown: {
  blocksOf(source: string): Block[];
  inlineOf(lines: readonly Line[]): Inline[];
  safeLink(href: string): string | undefined;
} = {
  ...(await at('markdown/blocks.js')),
  ...(await at('markdown/inline.js')),
  ...(await at('markdown/links.js')),
};

export const format: {
  count(value: number): string;
  short(value: number): string;
  duration(seconds: number): { value: string; unit: string };
  span(seconds: number): string;
  bytes(amount: number): string;
  percent(share: number): string;
} = await at('format.js');
