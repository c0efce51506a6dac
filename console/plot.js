// A line plot of the last ten minutes with its newest value in large. Knows no metric.
import { element, make, makeSvg, say } from './elements.js';
import { KEPT_MS } from './history.js';
import { pathOf, roundTop } from './scale.js';

/**
 * @typedef {import('./history.js').Point} Point
 * @typedef {{ name: string, value: (point: Point) => number | undefined }} Line the first is the main one
 * @typedef {{ value: string, unit: string }} Amount
 */

const HEIGHT = 84;
const PAD = { top: 6, right: 2, bottom: 2, left: 2 };

/**
 * @param {string} id of a figure
 * @param {{ title: string, lines: Line[], format: (value: number) => Amount }} options
 * @returns {(points: readonly Point[]) => void} draws
 */
export function createPlot(id, { title, lines, format }) {
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
  times.append(...['10 min ago', '5', 'now'].map((text) => make('span', {}, text)));
  const caption = make(
    'figcaption',
    {},
    make('h2', {}, title),
    make('p', { class: 'value' }, number, unit, note),
  );
  figure.append(caption, make('div', { class: 'frame' }, drawing, top), times);

  /** @type {readonly Point[]} */
  let points = [];
  /** @type {Point | undefined} what is pointed at */
  let shown;

  function draw() {
    const width = drawing.clientWidth;
    const now = points.at(-1)?.at ?? 0;
    const values = lines.map(({ value }) => points.map(value));
    const most = Math.max(0, ...values.flat().filter((value) => value !== undefined));
    const end = roundTop(most);
    const x = (/** @type {number} */ at) =>
      PAD.left + ((at - now + KEPT_MS) / KEPT_MS) * (width - PAD.left - PAD.right);
    /** @type {([number, number] | undefined)[][]} */
    const places = values.map((ofLine) =>
      ofLine.map((value, i) => (value === undefined ? undefined : [x(points[i]?.at ?? 0), yOf(value, end)])),
    );
    paths.forEach((path, i) => {
      path.setAttribute('d', pathOf(places[i] ?? []));
    });
    area.setAttribute('d', lines.length === 1 ? areaOf(places[0] ?? []) : '');
    const { value, unit: ofTop } = format(end);
    say(top, most > 0 ? `${value} ${ofTop}` : '');
    cross.setAttribute('visibility', shown === undefined ? 'hidden' : 'visible');
    if (shown !== undefined) {
      cross.setAttribute('x1', String(x(shown.at)));
      cross.setAttribute('x2', String(x(shown.at)));
    }
    tell(shown ?? points.at(-1), now);
    drawing.setAttribute('aria-label', summary(most));
  }

  /**
   * @param {Point | undefined} point
   * @param {number} now
   */
  function tell(point, now) {
    const [main, ...others] = lines.map(({ value }) => (point === undefined ? undefined : value(point)));
    const amount = main === undefined ? { value: '–', unit: '' } : format(main);
    say(number, amount.value);
    say(unit, amount.unit);
    const beside = others.flatMap((other, i) => {
      if (other === undefined) return [];
      const { value, unit: ofOther } = format(other);
      return [`${lines[i + 1]?.name} ${value} ${ofOther}`];
    });
    if (shown !== undefined) beside.push(ago(now - shown.at));
    note.classList.toggle(
      'keyed',
      others.some((other) => other !== undefined),
    );
    say(note, beside.join(' · '));
  }

  /** @param {number} most */
  function summary(most) {
    const value = lines[0]?.value(
      points.at(-1) ?? { at: 0, rate: undefined, first: undefined, next: undefined },
    );
    const text = (/** @type {Amount} */ amount) => `${amount.value} ${amount.unit}`;
    const current = value === undefined ? 'nothing now' : `${text(format(value))} now`;
    return `${title}: ${current}${most > 0 ? `, at most ${text(format(most))} in the last ten minutes` : ''}`;
  }

  drawing.addEventListener('pointermove', (event) => {
    const share = event.offsetX / drawing.clientWidth;
    const at = (points.at(-1)?.at ?? 0) - KEPT_MS * (1 - share);
    const distance = (/** @type {Point} */ point) => Math.abs(point.at - at);
    shown = points.reduce((best, point) => (distance(point) < distance(best) ? point : best), points[0]);
    draw();
  });
  drawing.addEventListener('pointerleave', () => {
    shown = undefined;
    draw();
  });
  new ResizeObserver(draw).observe(figure);
  return (next) => {
    points = next;
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

/** @param {number} ms */
function ago(ms) {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s ago` : `${Math.floor(seconds / 60)} min ${seconds % 60} s ago`;
}
