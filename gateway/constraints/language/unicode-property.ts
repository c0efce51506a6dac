// Code points that have a property of Unicode, such as `\p{L}`, as the JavaScript engine knows it.
import { everyCharacter, type Ranges } from '../grammar/characters.ts';
import { spendStates } from '../reading/budget.ts';

const MOST_PROPERTIES = 64;
/** Finding all characters of a property takes as long as making this many states. */
const STATES_PER_PROPERTY = 2000;

const properties = new Map<string, Ranges>();
let characters: string | undefined;

/** Code points with the property that `notation` names. Undefined if there is no such property. */
export function propertyRanges(notation: string): Ranges | undefined {
  const known = properties.get(notation);
  if (known !== undefined) return known;
  spendStates(STATES_PER_PROPERTY);
  let runs: RegExp;
  try {
    runs = new RegExp(`${notation}+`, 'gu');
  } catch {
    return undefined; // the engine has no property of this name
  }
  const ranges = Array.from(allCharacters().matchAll(runs), ({ 0: run, index }): [number, number] => {
    return [allCharacters().codePointAt(index) ?? 0, lastPoint(run)];
  });
  if (properties.size >= MOST_PROPERTIES) properties.clear();
  properties.set(notation, ranges);
  return ranges;
}

/** All characters in order, in one text that a property is searched in: one by one would take a tenth of a second. */
function allCharacters(): string {
  characters ??= everyCharacter
    .map(([low, high]) => {
      const points = Array.from({ length: high - low + 1 }, (_, i) => low + i);
      return points.map((point) => String.fromCodePoint(point)).join('');
    })
    .join('');
  return characters;
}

function lastPoint(text: string): number {
  return Array.from(text.slice(-2)).at(-1)?.codePointAt(0) ?? 0;
}
