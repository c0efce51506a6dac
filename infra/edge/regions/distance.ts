// How far the regions are from a caller. Pure.
import { ranked } from '../gateways/choice.ts';
import type { Place, Region } from './regions.ts';

const EARTH_KM = 6_371;
/** A signal in glass needs 1 ms for about 200 km, and a round trip goes both ways. */
const KM_PER_MS = 100;
/** Regions whose round trips differ by less than this are equally near. */
const EQUAL_MS = 10;

interface Seen {
  /** Where the caller is. Undefined: unknown, so that the round trips from this edge decide. */
  place: Place | undefined;
  /** The round trip to a region from this edge, if it has been measured. In milliseconds. */
  roundTrip: (region: string) => number | undefined;
  /** Decides between regions that are equally near. Undefined: `random` does. */
  key: string | undefined;
  /** From 0 to 1. */
  random: number;
}

/** Names of the regions, nearest first. Of regions that are equally near, a caller's key gets the same one while it is configured. */
export function nearest(regions: readonly Region[], seen: Seen): string[] {
  const far = regions
    .map((region) => ({ ...region, ms: distanceMs(region, seen) }))
    .sort((a, b) => a.ms - b.ms);
  const least = far[0]?.ms ?? 0;
  const near = far.filter(({ ms }) => ms < least + EQUAL_MS);
  if (near.length < 2) return far.map(({ name }) => name);
  const chosen = drawn(near, seen);
  return [chosen, ...far.map(({ name }) => name).filter((name) => name !== chosen)];
}

/** Unknown distances are 0, so that the order of the configuration decides. */
function distanceMs({ name, place }: Region, seen: Seen): number {
  if (seen.place !== undefined && place !== undefined) return kmBetween(seen.place, place) / KM_PER_MS;
  return seen.roundTrip(name) ?? 0;
}

/** One of the regions, in proportion to their weights. */
function drawn(near: readonly Region[], { key, random }: Seen): string {
  return ranked(key ?? String(random), near)[0]?.name ?? '';
}

/** On the surface of a sphere (haversine formula). */
export function kmBetween(a: Place, b: Place): number {
  const radians = (degrees: number) => (degrees * Math.PI) / 180;
  const [latitude, longitude] = [radians(b.latitude - a.latitude), radians(b.longitude - a.longitude)];
  const part =
    Math.sin(latitude / 2) ** 2 +
    Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * Math.sin(longitude / 2) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(part)));
}

/** Reads `50.1,8.7`. Undefined if the text is no place. */
export function readPlace(text: string | null | undefined): Place | undefined {
  const [, latitude, longitude] =
    /^\s*(-?\d{1,2}(?:\.\d+)?)\s*,\s*(-?\d{1,3}(?:\.\d+)?)\s*$/.exec(text ?? '') ?? [];
  if (latitude === undefined || longitude === undefined) return undefined;
  const place = { latitude: Number(latitude), longitude: Number(longitude) };
  return Math.abs(place.latitude) <= 90 && Math.abs(place.longitude) <= 180 ? place : undefined;
}
