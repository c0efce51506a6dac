// Which region serves a request.
import { describe, expect, it } from 'vitest';
import { kmBetween, nearest, readPlace } from '../../../../infra/edge/regions/distance.ts';
import { onlyRegion, parseRegions, type Region } from '../../../../infra/edge/regions/regions.ts';

const frankfurt = { latitude: 50.11, longitude: 8.68 };
const newYork = { latitude: 40.71, longitude: -74.01 };
const singapore = { latitude: 1.35, longitude: 103.82 };
const paris = { latitude: 48.86, longitude: 2.35 };

const region = (name: string, place?: Region['place'], weight = 1): Region => ({
  name,
  gateways: [`http://${name}`],
  place,
  weight,
});
const world = [region('us', newYork), region('eu', frankfurt), region('asia', singapore)];
const seen = { place: undefined, roundTrip: () => undefined, key: 'k', random: 0.5 };

describe('the order of regions', () => {
  it('is that of their distance from the caller', () => {
    expect(nearest(world, { ...seen, place: paris })).toEqual(['eu', 'us', 'asia']);
    expect(nearest(world, { ...seen, place: singapore })).toEqual(['asia', 'eu', 'us']);
  });

  it('is that of the measured round trips if the place of the caller is unknown', () => {
    const roundTrip = (name: string) => ({ us: 90, eu: 150, asia: 20 })[name];
    expect(nearest(world, { ...seen, roundTrip })).toEqual(['asia', 'us', 'eu']);
  });

  it('gives regions that are equally near shares in proportion to their weights, the same to the same key', () => {
    const near = [region('a', paris, 3), region('b', frankfurt, 1), region('far', newYork)];
    const firstFor = (key: string | undefined, random = 0.5) =>
      nearest(near, { ...seen, place: paris, key, random })[0];
    const keys = Array.from({ length: 2_000 }, (_, i) => `key ${i}`);
    const count = keys.filter((key) => firstFor(key) === 'a').length;
    expect(Math.abs(count - 1_500)).toBeLessThan(80);
    expect(firstFor('one', 0.1)).toBe(firstFor('one', 0.9));
    expect(new Set(keys.map((_, i) => firstFor(undefined, i / 2_000)))).toEqual(new Set(['a', 'b']));
  });

  it('is that of the configuration if nothing is known, except that equal regions share', () => {
    expect(nearest([], seen)).toEqual([]);
    expect(nearest(onlyRegion('local', ['http://a']), seen)).toEqual(['local']);
  });
});

it('distances are those of great circles', () => {
  expect(kmBetween(frankfurt, paris)).toBeCloseTo(479, -1);
  expect(kmBetween(newYork, singapore)).toBeCloseTo(15_345, -2);
  expect(kmBetween(paris, paris)).toBe(0);
});

it.each([
  ['50.1,8.7', { latitude: 50.1, longitude: 8.7 }],
  [' -33.9 , 151.2 ', { latitude: -33.9, longitude: 151.2 }],
  ['91,0', undefined],
  ['0,181', undefined],
  ['undefined,undefined', undefined],
  ['1e1,2', undefined],
  [null, undefined],
])('the place %j is read as %j', (text, place) => {
  expect(readPlace(text)).toEqual(place);
});

describe('the configuration', () => {
  const parse = (regions: unknown) => parseRegions(JSON.stringify({ regions }), 'regions.json');

  it('has regions with gateways, places and weights', () => {
    const [eu, us] = parse([
      {
        name: 'eu',
        gateways: ['https://eu-1.example.com', 'https://eu-2.example.com:8443'],
        place: frankfurt,
      },
      { name: 'us', gateways: ['http://127.0.0.1:8080'], weight: 2 },
    ]);
    expect(eu).toEqual({
      ...{ name: 'eu', gateways: ['https://eu-1.example.com', 'https://eu-2.example.com:8443'] },
      ...{ place: frankfurt, weight: 1 },
    });
    expect(us?.weight).toBe(2);
  });

  it.each([
    [[], /regions.json: regions: /],
    [[{ name: 'eu', gateways: [] }], /regions\.0\.gateways/],
    [[{ name: 'eu"', gateways: ['https://a'] }], /regions\.0\.name: expected a letter/],
    [[{ name: 'eu', gateways: ['ftp://a'] }], /regions\.0\.gateways\.0: 'ftp:\/\/a' is not an address/],
    [[{ name: 'eu', gateways: ['https://a/v1'] }], /is not an address/],
    [[{ name: 'eu', gateways: ['https://user:pass@a'] }], /is not an address/],
    [[{ name: 'eu', gateways: ['http://10.0.0.1'] }], /use https/],
    [[{ name: 'eu', gateways: ['https://a'], place: { latitude: 91, longitude: 0 } }], /place\.latitude/],
    [[{ name: 'eu', gateways: ['https://a'], colour: 'red' }], /colour/],
    [
      [
        { name: 'eu', gateways: ['https://a'] },
        { name: 'eu', gateways: ['https://b'] },
      ],
      /has eu twice/,
    ],
    [
      [
        { name: 'eu', gateways: ['https://a'] },
        { name: 'us', gateways: ['https://a'] },
      ],
      /has https:\/\/a twice/,
    ],
  ])('%j is refused, and the error names the field', (regions, message) => {
    expect(() => parse(regions)).toThrow(message);
  });

  it('that is no JSON is refused', () => {
    expect(() => parseRegions('{', 'regions.json')).toThrow(/^regions\.json is not valid JSON/);
  });
});
