// The colour of an expert by its heat.

/** Ratio to the layer's mean at the hot end of the scale. */
export const HOTTEST = 8;
const SHADES = 64;

/**
 * Shades from cold to hot. They pass through the given colours in even steps.
 * @param {readonly string[]} stops `#rrggbb`
 * @returns {string[]}
 */
export function palette(stops) {
  const colours = stops.map((stop) => [1, 3, 5].map((at) => Number.parseInt(stop.slice(at, at + 2), 16)));
  return Array.from({ length: SHADES }, (_, shade) => {
    const place = (shade / (SHADES - 1)) * (colours.length - 1);
    const from = Math.min(Math.floor(place), colours.length - 2);
    const mixed = [0, 1, 2].map((channel) => {
      const [a, b] = [colours[from]?.[channel] ?? 0, colours[from + 1]?.[channel] ?? 0];
      return Math.round(a + (b - a) * (place - from));
    });
    return `rgb(${mixed.join(' ')})`;
  });
}

/**
 * Logarithmic, so that half the mean, the mean and twice the mean still differ clearly.
 * @param {number} ratio rows of the expert divided by the mean of its layer
 * @returns {number} index of a shade in the palette
 */
export function shadeOf(ratio) {
  const share = Math.log2(1 + Math.min(ratio, HOTTEST)) / Math.log2(1 + HOTTEST);
  return Math.round(share * (SHADES - 1));
}
