// A line plot of the past with its newest value in large. Knows no metric.
import { element, make, makeSvg, say } from '../elements.js';
import { pathOf, roundTop } from './scale.js';
import { lengthOf } from './series.js';

/**
 * @typedef {import('./series.js').Stretch} Stretch
 * @typedef {{ name: string, column: string }} Line the first is the main one
 * @typedef {{ value: string, unit: string }} Amount
 * @typedef {{ label: string, seconds: number, ticks: string[] }} Range what the plot's width stands for
 */

const HEIGHT = 72;
const PAD = { top: 6, right: 2, bottom: 2, left: 2 };

/**
 * @param {string} id of a figure
 * @param {{ title: string, lines: Line[], format: (value: number) => Amount, most?: number }} options most: a top that does not move
 * @returns {(stretch: Stretch, range: Range, newest: Stretch) => void} draws; the value in large is the last of `newest`
 */
export function createPlot(id, { title, lines, format, most }) {
  const figure = element(id, HTMLElement);
  const [number, unit, note] = [make('span', { class: 'amount' }), make('span'), make('span')];
  number.textContent = '–';
  unit.className = 'unit';
  note.className = 'note';
  const top = make('span', { class: 'top-label', 'aria-hidden': 'true' });
  const cross = makeSvg('line', { class: 'cross', y1: 0, y2: HEIGHT, visibility: 'hidden' });
  const paths = lines.map((_, i) => makeSvg('path', { class: `line line-${i}` }));
  const area = makeSvg('path', { class: 'area' });
  const grid = [0, 0.5, 1].map((share) => {
    const y = yOf(share, 1);
    return makeSvg('line', { class: 'grid', x1: 0, x2: '100%', y1: y, y2: y });
  });
  const drawing = makeSvg(
    'svg',
    { role: 'img', height: HEIGHT },
    ...grid,
    area,
    ...paths.toReversed(),
    cross,
  );
  const times = make('div', { class: 'times', 'aria-hidden': 'true' });
  const caption = make(
    'figcaption',
    {},
    make('h2', {}, title),
    make('p', { class: 'value' }, number, unit, note),
  );
  figure.append(caption, make('div', { class: 'frame' }, drawing, top), times);

  /** @type {Stretch} */
  let past = { step: 1, start: 0, series: {} };
  /** @type {Stretch} */
  let newest = past;
  /** @type {Range | undefined} */
  let range;
  /** @type {number | undefined} place of what is pointed at */
  let shown;

  /** The left end of the drawing; the right end is the newest value. Unix seconds. */
  const left = () => past.start + (lengthOf(past) - 1) * past.step - (range?.seconds ?? 1);
  const valuesOf = (/** @type {Line} */ { column }) => past.series[column] ?? [];

  function draw() {
    if (range === undefined) return;
    const width = drawing.clientWidth;
    const values = lines.map(valuesOf);
    const highest =
      values.flat().reduce((high, value) => Math.max(/** @type {number} */ (high), value ?? 0), 0) ?? 0;
    const end = most ?? roundTop(highest);
    const seconds = range.seconds;
    const x = (/** @type {number} */ i) =>
      PAD.left + ((past.start + i * past.step - left()) / seconds) * (width - PAD.left - PAD.right);
    /** @type {([number, number] | undefined)[][]} */
    const places = values.map((ofLine) =>
      ofLine.map((value, i) => (value === null ? undefined : [x(i), yOf(value, end)])),
    );
    paths.forEach((path, i) => {
      path.setAttribute('d', pathOf(places[i] ?? []));
    });
    area.setAttribute('d', lines.length === 1 ? areaOf(places[0] ?? []) : '');
    const { value, unit: ofTop } = format(end);
    say(top, highest > 0 ? `${value} ${ofTop}` : '');
    cross.setAttribute('visibility', shown === undefined ? 'hidden' : 'visible');
    if (shown !== undefined) {
      cross.setAttribute('x1', String(x(shown)));
      cross.setAttribute('x2', String(x(shown)));
    }
    tell();
    drawing.setAttribute('aria-label', summary(highest));
  }

  /** @param {Line} line */
  const newestOf = ({ column }) => newest.series[column]?.at(-1) ?? undefined;

  function tell() {
    const at = shown;
    const [main, ...others] = lines.map((line) =>
      at === undefined ? newestOf(line) : (valuesOf(line)[at] ?? undefined),
    );
    const amount = main === undefined ? { value: '–', unit: '' } : format(main);
    say(number, amount.value);
    say(unit, amount.unit);
    const beside = others.flatMap((other, i) => {
      if (other === undefined) return [];
      const { value, unit: ofOther } = format(other);
      return [`${lines[i + 1]?.name} ${value} ${ofOther}`.trim()];
    });
    if (at !== undefined) beside.push(ago((lengthOf(past) - 1 - at) * past.step));
    note.classList.toggle(
      'keyed',
      others.some((other) => other !== undefined),
    );
    say(note, beside.join(' · '));
  }

  /** @param {number} highest */
  function summary(highest) {
    const value = lines[0] && newestOf(lines[0]);
    const text = (/** @type {Amount} */ amount) => `${amount.value} ${amount.unit}`.trim();
    const current = value === undefined ? 'nothing now' : `${text(format(value))} now`;
    return `${title}: ${current}${highest > 0 ? `, at most ${text(format(highest))} in the last ${range?.label}` : ''}`;
  }

  drawing.addEventListener('pointermove', (event) => {
    const at = left() + (event.offsetX / drawing.clientWidth) * (range?.seconds ?? 1);
    const place = Math.round((at - past.start) / past.step);
    const length = lengthOf(past);
    shown = length === 0 ? undefined : Math.max(0, Math.min(length - 1, place));
    draw();
  });
  drawing.addEventListener('pointerleave', () => {
    shown = undefined;
    draw();
  });
  new ResizeObserver(draw).observe(figure);
  return (stretch, next, latest) => {
    if (next !== range) {
      times.replaceChildren(...next.ticks.map((tick) => make('span', {}, tick)));
      shown = undefined;
    }
    [past, range, newest] = [stretch, next, latest];
    draw();
  };
}

/**
 * @param {number} value
 * @param {number} end
 */
function yOf(value, end) {
  return HEIGHT - PAD.bottom - (value / end) * (HEIGHT - PAD.top - PAD.bottom);
}

/** @param {readonly ([number, number] | undefined)[]} places */
function areaOf(places) {
  const floor = HEIGHT - PAD.bottom;
  /** @type {[number, number][][]} */
  const runs = [[]];
  for (const place of places) {
    if (place === undefined) runs.push([]);
    else runs.at(-1)?.push(place);
  }
  return runs
    .filter((run) => run.length > 1)
    .map((run) => `${pathOf(run)}L${run.at(-1)?.[0]} ${floor}L${run[0]?.[0]} ${floor}Z`)
    .join('');
}

/** @param {number} seconds */
function ago(seconds) {
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min ago` : `${minutes} min ${seconds % 60} s ago`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min ago`;
}
