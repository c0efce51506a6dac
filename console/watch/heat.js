// The heat map: a row for each layer, a column for each expert, a cursor, and the route of one token.
import { element, say } from '../elements.js';
import { count, figure, percent } from '../format.js';
import { HOTTEST, palette, shadeOf } from './heat-colours.js';
import { HeatGrid, moved } from './heat-grid.js';

/**
 * @typedef {import('./heat-grid.js').Cell} Cell
 * @typedef {{ layers: number, experts: number, half_life_seconds: number, counts: number[][] }} HeatReport
 * @typedef {number[][]} Route `[layers][k]`
 */

const canvas = element('heat', HTMLCanvasElement);
/** Has the keyboard focus instead of the canvas. */
const keys = element('heat-keys', HTMLElement);
keys.tabIndex = 0;
const readout = element('heat-readout', HTMLOutputElement);
const note = element('heat-note', HTMLElement);
const legend = element('heat-legend', HTMLCanvasElement);

/** @type {HeatReport | undefined} */
let report;
/** @type {Route | undefined} */
let route;
/** @type {Cell | undefined} */
let cursor;
/** @type {HeatGrid | undefined} */
let grid;
let waiting = false;

/** @param {HeatReport} next */
export function showHeat(next) {
  report = next;
  say(note, `Rows of each layer and expert, halving every ${figure(next.half_life_seconds / 60)} min`);
  drawSoon();
}

/** @param {Route | undefined} next */
export function showRoute(next) {
  route = next;
  drawSoon();
}

/** Draws at most once for each frame of the screen. */
function drawSoon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

function draw() {
  const context = canvas.getContext('2d');
  if (report === undefined || context === null || canvas.clientWidth === 0) return;
  const { layers, experts, counts } = report;
  const density = devicePixelRatio;
  grid = new HeatGrid({ layers, experts, width: canvas.clientWidth, density });
  canvas.style.height = `${grid.height}px`;
  canvas.width = Math.round(grid.width * density);
  canvas.height = Math.round(grid.height * density);
  context.setTransform(density, 0, 0, density, 0, 0);
  const colours = coloursNow();
  counts.forEach((ofLayer, layer) => {
    const mean = ofLayer.reduce((sum, rows) => sum + rows, 0) / experts;
    ofLayer.forEach((rows, expert) => {
      context.fillStyle = colours.shades[shadeOf(mean > 0 ? rows / mean : 0)] ?? '';
      fill(context, { layer, expert });
    });
  });
  drawTicks(context, colours.label);
  if (route !== undefined) drawRoute(context, route, colours);
  if (cursor !== undefined) drawCursor(context, cursor, colours.ink);
  drawLegend(colours.shades);
  tell();
}

/** @type {(context: CanvasRenderingContext2D, cell: Cell, wider?: number) => void} */
function fill(context, cell, wider = 0) {
  if (grid === undefined) return;
  const { x, y, width, height } = grid.box(cell);
  context.fillRect(x - wider, y - wider, width + 2 * wider, height + 2 * wider);
}

/** @type {(context: CanvasRenderingContext2D, colour: string) => void} */
function drawTicks(context, colour) {
  if (grid === undefined) return;
  const { ticks, row, gap } = grid;
  context.fillStyle = colour;
  context.font = `10px ${getComputedStyle(canvas).fontFamily}`;
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  for (const expert of ticks.experts) context.fillText(String(expert), grid.box({ layer: 0, expert }).x, 6);
  context.textAlign = 'right';
  for (const layer of ticks.layers) {
    context.fillText(String(layer), 18, grid.box({ layer, expert: 0 }).y + (row - gap) / 2 + 0.5);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Route} path
 * @param {{ route: string, surface: string }} colours
 */
function drawRoute(context, path, colours) {
  const ofGrid = grid;
  if (ofGrid === undefined) return;
  context.strokeStyle = colours.route;
  context.lineWidth = 1.25;
  context.lineJoin = 'round';
  context.globalAlpha = 0.6;
  context.beginPath();
  path.forEach(([best], layer) => {
    if (best === undefined) return;
    const { x, y, width, height } = ofGrid.box({ layer, expert: best });
    context.lineTo(x + width / 2, y + height / 2);
  });
  context.stroke();
  context.globalAlpha = 1;
  path.forEach((chosen, layer) => {
    for (const expert of chosen) {
      context.fillStyle = colours.surface;
      fill(context, { layer, expert }, 2);
      context.fillStyle = colours.route;
      fill(context, { layer, expert }, 1);
    }
  });
}

/** @type {(context: CanvasRenderingContext2D, cell: Cell, colour: string) => void} */
function drawCursor(context, cell, colour) {
  if (grid === undefined) return;
  const { x, y, width, height } = grid.box(cell);
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.strokeRect(x - 1.25, y - 1.25, width + 2.5, height + 2.5);
}

/** @param {string[]} shades */
function drawLegend(shades) {
  const context = legend.getContext('2d');
  if (context === null) return;
  for (let x = 0; x < legend.width; x++) {
    context.fillStyle = shades[shadeOf((x / (legend.width - 1)) * HOTTEST)] ?? '';
    context.fillRect(x, 0, 1, legend.height);
  }
}

function coloursNow() {
  const style = getComputedStyle(canvas);
  const read = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return {
    shades: palette([0, 1, 2, 3, 4, 5].map((stop) => read(`--heat-${stop}`))),
    route: read('--route'),
    surface: read('--surface'),
    ink: read('--ink'),
    label: read('--ink-soft'),
  };
}

function tell() {
  if (report === undefined) return;
  if (cursor !== undefined) return say(readout, nameOf(cursor, report));
  const hottest = hottestOf(report);
  const none = 'No rows yet. Send a prompt and watch it find its experts.';
  say(readout, hottest === undefined ? none : `Hottest is ${nameOf(hottest, report).toLowerCase()}`);
}

/** @type {(cell: Cell, heat: HeatReport) => string} */
function nameOf({ layer, expert }, { counts, experts }) {
  const ofLayer = counts[layer] ?? [];
  const rows = ofLayer[expert] ?? 0;
  const all = ofLayer.reduce((sum, each) => sum + each, 0);
  const place = `Layer ${layer}, expert ${expert}`;
  if (all === 0) return `${place}: no rows`;
  const share = rows / all;
  return `${place}: ${count(Math.round(rows))} rows, ${percent(share)} of the layer, ${figure(share * experts)}× the mean`;
}

/**
 * The unit with the largest share of its layer.
 * @type {(heat: HeatReport) => Cell | undefined}
 */
function hottestOf({ counts }) {
  /** @type {Cell | undefined} */
  let hottest;
  let most = 0;
  counts.forEach((ofLayer, layer) => {
    const all = ofLayer.reduce((sum, rows) => sum + rows, 0);
    const rows = Math.max(...ofLayer);
    if (all === 0 || rows / all <= most) return;
    most = rows / all;
    hottest = { layer, expert: ofLayer.indexOf(rows) };
  });
  return hottest;
}

canvas.addEventListener('pointermove', ({ offsetX, offsetY }) => {
  cursor = grid?.cellAt(offsetX, offsetY);
  drawSoon();
});
canvas.addEventListener('pointerleave', () => {
  cursor = undefined;
  drawSoon();
});
keys.addEventListener('keydown', (event) => {
  if (report === undefined) return;
  if (event.key === 'Escape') keys.blur();
  const next = moved(cursor ?? { layer: 0, expert: 0 }, event.key, report);
  if (next === undefined) return;
  event.preventDefault();
  cursor = next;
  drawSoon();
});
keys.addEventListener('focus', () => {
  if (!keys.matches(':focus-visible')) return;
  cursor ??= report && (hottestOf(report) ?? { layer: 0, expert: 0 });
  drawSoon();
});
keys.addEventListener('blur', () => {
  cursor = undefined;
  drawSoon();
});
new ResizeObserver(drawSoon).observe(canvas);
document.documentElement.addEventListener('themechange', drawSoon);
