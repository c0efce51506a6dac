// The axis and the path of a plot.

/**
 * The top of the axis: 1, 2, 3, 4, 5, 6, 8 or 10 times a power of ten, the smallest such number from `most` up. 1 if `most` is 0.
 * @param {number} most
 */
export function roundTop(most) {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  const step = [1, 2, 3, 4, 5, 6, 8, 10].find((each) => each * power >= most * 0.999) ?? 10;
  return step * power;
}

/**
 * An SVG path through the values. It has gaps for missing values, and a single value is a dot.
 * @param {readonly (readonly [x: number, y: number] | undefined)[]} places
 */
export function pathOf(places) {
  let path = '';
  places.forEach((place, i) => {
    if (place === undefined) return;
    const [x, y] = place.map((value) => Math.round(value * 10) / 10);
    const begins = places[i - 1] === undefined;
    const alone = begins && places[i + 1] === undefined;
    path += `${begins ? 'M' : 'L'}${x} ${y}${alone ? 'h0.1' : ''}`;
  });
  return path;
}
