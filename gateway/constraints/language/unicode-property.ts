// The code points that have a property of Unicode, such as `\p{L}`, according to the JavaScript engine.
import { everyCharacter, type Ranges } from '../grammar/characters.ts';
import { keptUpTo } from '../kept.ts';
import { spendStates } from '../reading/budget.ts';

/** Most properties whose code points are kept. */
const MOST_PROPERTIES = 64;
/** Finding all characters of a property takes as long as making this many states of an automaton. */
const STATES_PER_PROPERTY = 2000;

let characters: string | undefined;

/** Code points with the property that a notation such as `\p{L}` names. Undefined if there is no such property. */
export const propertyRanges = keptUpTo(MOST_PROPERTIES, (notation: string): Ranges | undefined => {
  spendStates(STATES_PER_PROPERTY);
  let runs: RegExp;
  try {
    runs = new RegExp(`${notation}+`, 'gu');
  } catch {
    return undefined; // the engine has no property of this name
  }
  return Array.from(allCharacters().matchAll(runs), ({ 0: run, index }): [number, number] => {
    return [allCharacters().codePointAt(index) ?? 0, lastPoint(run)];
  });
});

/**
 * All characters in order, as one text. Searching this text is fast. Testing each character would take a tenth of a second.
 */
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
