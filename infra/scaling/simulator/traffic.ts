// The traffic of a day: how many requests a second come, and how long they are. Pure: the same random numbers give the same requests.

export interface ArrivingRequest {
  /** Seconds since the start. Requests are in the order of their arrival. */
  at: number;
  /** Tokens. */
  prompt: number;
  answer: number;
}

/** Lengths are lognormal: `median` times e to the power of `sigma` times a normal number, within 1 and `most`. */
export interface Lengths {
  median: number;
  sigma: number;
  most: number;
}

export interface Shape {
  prompt: Lengths;
  answer: Lengths;
}

/** A change of the normal traffic, or jobs beside it. */
export interface TrafficEvent {
  name: string;
  from: number;
  to: number;
  /** Multiplies the rate of the daily curve. */
  factor?: (secondsIn: number) => number;
  /** Requests a second beside the daily curve, and their shape. */
  extra?: { rate: number; shape: Shape };
}

export interface Traffic {
  seconds: number;
  /** Requests a second of the daily curve. */
  rate: (second: number) => number;
  shape: Shape;
  events: readonly TrafficEvent[];
}

const HOUR = 3600;
export const DAY_SECONDS = 24 * HOUR;
/** Hour and part of the highest rate: a night, a morning ramp, a lunch dip, an afternoon and an evening. */
const CURVE = [
  ...[[0, 0.15] as const, [2, 0.08] as const, [5, 0.06] as const, [7, 0.15] as const, [9.5, 0.9] as const],
  ...[[11.5, 1] as const, [12.5, 0.6] as const, [13.5, 0.6] as const, [14.5, 0.95] as const],
  ...[[17, 0.9] as const, [19, 0.5] as const, [21, 0.55] as const, [23, 0.25] as const, [24, 0.15] as const],
];

const LAUNCH = { from: 15 * HOUR, rampSeconds: 60, factor: 5, steadySeconds: 600, halfLifeSeconds: 300 };
const FLASH = { from: 20.5 * HOUR, rampSeconds: 300, factor: 3, steadySeconds: 900 };

/** A day with `busiest` requests a second at noon. */
export function exampleDay(busiest: number): Traffic {
  const launched = LAUNCH.rampSeconds + LAUNCH.steadySeconds;
  const crowded = FLASH.rampSeconds + FLASH.steadySeconds;
  return {
    seconds: DAY_SECONDS,
    rate: (second) => busiest * between(CURVE, (second / HOUR) % 24),
    shape: {
      prompt: { median: 200, sigma: 0.9, most: 3_000 },
      answer: { median: 120, sigma: 0.8, most: 2_000 },
    },
    events: [
      {
        ...{ name: 'batch jobs', from: 2 * HOUR, to: 3 * HOUR },
        extra: {
          rate: busiest / 2,
          shape: {
            prompt: { median: 800, sigma: 0.5, most: 3_000 },
            answer: { median: 100, sigma: 0.5, most: 2_000 },
          },
        },
      },
      {
        ...{ name: `launch ×${LAUNCH.factor}`, from: LAUNCH.from, to: LAUNCH.from + launched + 2_000 },
        factor: (second) => {
          const rise = Math.min(1, second / LAUNCH.rampSeconds);
          const fall = 2 ** (-Math.max(0, second - launched) / LAUNCH.halfLifeSeconds);
          return 1 + (LAUNCH.factor - 1) * rise * fall;
        },
      },
      {
        ...{ name: `flash crowd ×${FLASH.factor}`, from: FLASH.from, to: FLASH.from + crowded },
        factor: (second) => 1 + (FLASH.factor - 1) * Math.min(1, second / FLASH.rampSeconds),
      },
    ],
  };
}

/** Linear between the points, which are pairs of x and y in the order of x. */
function between(points: readonly (readonly [number, number])[], x: number): number {
  const after = points.findIndex(([at]) => at >= x);
  const [right, left] = [points[Math.max(0, after)], points[Math.max(0, after - 1)]];
  if (right === undefined || left === undefined || right === left) return right?.[1] ?? 0;
  return left[1] + ((x - left[0]) / (right[0] - left[0])) * (right[1] - left[1]);
}

export function eventsAt({ events }: Traffic, second: number): TrafficEvent[] {
  return events.filter(({ from, to }) => from <= second && second < to);
}

/** Requests a second of the curve with the factors of its events. */
export function rateAt(traffic: Traffic, second: number): number {
  const factors = eventsAt(traffic, second).map(({ from, factor }) => factor?.(second - from) ?? 1);
  return factors.reduce((rate, factor) => rate * factor, traffic.rate(second));
}

/** Requests that arrive as a Poisson process. `uniform` returns numbers from 0 to 1. */
export function arrivals(traffic: Traffic, uniform: () => number): ArrivingRequest[] {
  const requests: ArrivingRequest[] = [];
  for (let second = 0; second < traffic.seconds; second++) {
    const ofSecond: ArrivingRequest[] = [];
    const add = (rate: number, { prompt, answer }: Shape) => {
      for (let count = poisson(rate, uniform); count > 0; count--) {
        ofSecond.push({
          ...{ at: second + uniform(), prompt: lognormal(prompt, uniform) },
          ...{ answer: lognormal(answer, uniform) },
        });
      }
    };
    add(rateAt(traffic, second), traffic.shape);
    for (const { extra } of eventsAt(traffic, second)) if (extra !== undefined) add(extra.rate, extra.shape);
    requests.push(...ofSecond.sort((a, b) => a.at - b.at));
  }
  return requests;
}

/** D. Knuth, The Art of Computer Programming, volume 2, section 3.4.1, algorithm Q. Its time grows with the mean. */
function poisson(mean: number, uniform: () => number): number {
  const least = Math.exp(-mean);
  let count = 0;
  for (let product = uniform(); product > least; product *= uniform()) count++;
  return count;
}

/** The normal number is made as by G. Box and M. Muller, 1958. */
function lognormal({ median, sigma, most }: Lengths, uniform: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return Math.round(Math.min(most, Math.max(1, median * Math.exp(sigma * normal))));
}
