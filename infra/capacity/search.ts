// Finds where a monotone condition changes.

/** Halvings of the interval: more digits than a number has. */
const HALVINGS = 60;

/** The end of the part of the interval in which `isBelow` holds. It must hold up to some place, and nowhere after it. */
export function boundary(low: number, high: number, isBelow: (value: number) => boolean): number {
  let [least, most] = [low, high];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (least + most) / 2;
    if (isBelow(middle)) least = middle;
    else most = middle;
  }
  return least;
}
