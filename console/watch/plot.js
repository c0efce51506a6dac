// A line plot over time, with the newest value in large print. Knows nothing about particular metrics.
import { element, make, makeSvg, say } from '../elements.js';
import { pathOf, roundTop } from './scale.js';
import { lengthOf } from './series.js';

/**
 * @typedef {import('./series.js').Stretch} Stretch
 * @typedef {[name: string, column: string]} Line
 * @typedef {{ value: string, unit: string }} Amount
 * @typedef {{ label: string, seconds: number, ticks: string[] }} Range the time that the plot's width stands for
 */

const HEIGHT = 72;
const PAD = { top: 6, right: 2, bottom: 2, left: 2 };

/** @param {number} count of lines */
function partsOf(count) {
  const number = make('span', { class: 'amount' }, '–');
  const unit = make('span', { class: 'unit' });
  const note = make('span', { class: 'note' });
  const top = make('span', { class: 'top-label', 'aria-hidden': 'true' });
  const times = make('div', { class: 'times', 'aria-hidden': 'true' });
  const cross = makeSvg('line', { class: 'cross', y1: 0, y2: HEIGHT, visibility: 'hidden' });
  const paths = Array.from({ length: count }, (_, i) => makeSvg('path', { class: `line line-${i}` }));
  const area = makeSvg('path', { class: 'area' });
  const grid = [0, 0.5, 1].map((share) => {
    const y = yOf(share, 1);
    return makeSvg('line', { class: 'grid', x1: 0, x2: '100%', y1: y, y2: y });
  });
  const shapes = [...grid, area, ...paths.toReversed(), cross];
  const drawing = makeSvg('svg', { role: 'img', height: HEIGHT }, ...shapes);
  return { number, unit, note, top, times, cross, paths, area, drawing };
}

export class Plot {
  #title;
  #lines;
  #format;
  #most;
  #parts;
  /** @type {Stretch} */
  #past = { step: 1, start: 0, series: {} };
  /** @type {Stretch} */
  #newest = this.#past;
  /** @type {Range | undefined} */
  #range;
  /** @type {number | undefined} index of the value that the pointer is on */
  #shown;

  /**
   * @param {string} id of a figure
   * @param {{ title: string, lines: Record<string, string>, format: (value: number) => Amount, most?: number }} options
   *   lines: column of each line by its name, the main line first; most: a fixed top of the axis
   */
  constructor(id, { title, lines, format, most }) {
    this.#title = title;
    this.#lines = Object.entries(lines);
    this.#format = format;
    this.#most = most;
    this.#parts = partsOf(this.#lines.length);
    const { number, unit, note, drawing, top, times } = this.#parts;
    const value = make('p', { class: 'value' }, number, unit, note);
    const caption = make('figcaption', {}, make('h2', {}, title), value);
    const figure = element(id, HTMLElement);
    figure.append(caption, make('div', { class: 'frame' }, drawing, top), times);
    drawing.addEventListener('pointermove', (event) => this.#point(event.offsetX));
    drawing.addEventListener('pointerleave', () => {
      this.#shown = undefined;
      this.#draw();
    });
    new ResizeObserver(() => this.#draw()).observe(figure);
  }

  /**
   * @param {Stretch} stretch
   * @param {Range} range
   * @param {Stretch} newest its last value is the one in large print
   */
  show(stretch, range, newest) {
    if (range !== this.#range) {
      this.#parts.times.replaceChildren(...range.ticks.map((tick) => make('span', {}, tick)));
      this.#shown = undefined;
    }
    this.#past = stretch;
    this.#range = range;
    this.#newest = newest;
    this.#draw();
  }

  /** Time at the left end of the drawing in Unix seconds. The right end is the newest value. */
  get #left() {
    const { start, step } = this.#past;
    return start + (lengthOf(this.#past) - 1) * step - (this.#range?.seconds ?? 1);
  }

  /** @param {number} offset in pixels from the left end */
  #point(offset) {
    const at = this.#left + (offset / this.#parts.drawing.clientWidth) * (this.#range?.seconds ?? 1);
    const place = Math.round((at - this.#past.start) / this.#past.step);
    const length = lengthOf(this.#past);
    this.#shown = length === 0 ? undefined : Math.max(0, Math.min(length - 1, place));
    this.#draw();
  }

  /** @param {Line} line */
  #valuesOf([, column]) {
    return this.#past.series[column] ?? [];
  }

  /** @param {Line} line */
  #newestOf([, column]) {
    return this.#newest.series[column]?.at(-1) ?? undefined;
  }

  #draw() {
    if (this.#range === undefined) return;
    const { cross, top, drawing } = this.#parts;
    const values = this.#lines.map((line) => this.#valuesOf(line));
    const highest = values
      .flat()
      .reduce((/** @type {number} */ high, value) => Math.max(high, value ?? 0), 0);
    const end = this.#most ?? roundTop(highest);
    const { seconds } = this.#range;
    const { start, step } = this.#past;
    const width = drawing.clientWidth - PAD.left - PAD.right;
    const x = (/** @type {number} */ i) => PAD.left + ((start + i * step - this.#left) / seconds) * width;
    this.#drawLines(values, { x, end });
    const { value, unit } = this.#format(end);
    say(top, highest > 0 ? `${value} ${unit}` : '');
    cross.setAttribute('visibility', this.#shown === undefined ? 'hidden' : 'visible');
    if (this.#shown !== undefined) {
      cross.setAttribute('x1', String(x(this.#shown)));
      cross.setAttribute('x2', String(x(this.#shown)));
    }
    this.#tell();
    drawing.setAttribute('aria-label', this.#summary(highest));
  }

  /**
   * @param {(number | null)[][]} values
   * @param {{ x: (i: number) => number, end: number }} axes
   */
  #drawLines(values, { x, end }) {
    /** @type {([number, number] | undefined)[][]} */
    const places = values.map((ofLine) =>
      ofLine.map((value, i) => (value === null ? undefined : [x(i), yOf(value, end)])),
    );
    this.#parts.paths.forEach((path, i) => {
      path.setAttribute('d', pathOf(places[i] ?? []));
    });
    this.#parts.area.setAttribute('d', places.length === 1 ? areaOf(places[0] ?? []) : '');
  }

  /** Writes the values that the pointer is on, or the newest values. */
  #tell() {
    const { number, unit, note } = this.#parts;
    const at = this.#shown;
    const [main, ...others] = this.#lines.map((line) =>
      at === undefined ? this.#newestOf(line) : (this.#valuesOf(line)[at] ?? undefined),
    );
    const amount = main === undefined ? { value: '–', unit: '' } : this.#format(main);
    say(number, amount.value);
    say(unit, amount.unit);
    const beside = others.flatMap((other, i) => {
      return other === undefined ? [] : [`${this.#lines[i + 1]?.[0]} ${this.#text(other)}`];
    });
    const keyed = beside.length > 0;
    if (at !== undefined) beside.push(ago((lengthOf(this.#past) - 1 - at) * this.#past.step));
    note.classList.toggle('keyed', keyed);
    say(note, beside.join(' · '));
  }

  /** @param {number} highest */
  #summary(highest) {
    const value = this.#lines[0] && this.#newestOf(this.#lines[0]);
    const current = value === undefined ? 'nothing now' : `${this.#text(value)} now`;
    const most = highest > 0 ? `, at most ${this.#text(highest)} in the last ${this.#range?.label}` : '';
    return `${this.#title}: ${current}${most}`;
  }

  /** @param {number} number */
  #text(number) {
    const { value, unit } = this.#format(number);
    return `${value} ${unit}`.trim();
  }
}

/** @type {(value: number, end: number) => number} */
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
