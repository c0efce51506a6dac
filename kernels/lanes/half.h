// Converts float16 to float32 and back by their bits, for CPUs without such an instruction.
#pragma once
#include <stdint.h>
#include <string.h>

static inline uint32_t bits_of(float v) {
  uint32_t bits;
  memcpy(&bits, &v, sizeof bits);
  return bits;
}
static inline float float_of(uint32_t bits) {
  float v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

static inline float half_to_float(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  const uint32_t rest = half & 0x7fff;
  if (rest >= 0x7c00) return float_of(sign | 0x7f800000 | (rest & 0x3ff) << 13 | (rest > 0x7c00 ? 0x400000 : 0));
  if (rest >= 0x400) return float_of(sign | ((rest << 13) + (112u << 23)));
  return float_of(sign | bits_of((float)rest * 0x1p-24f));  // subnormal: exact in float32
}
// Rounds to the nearest float16, ties to even. Values that are too large become infinity.
static inline uint16_t float_to_half(float v) {
  const uint32_t bits = bits_of(v), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x3ff));
  if (rest >= 0x47800000) return (uint16_t)(sign | 0x7c00);
  // Below the smallest normal half, adding 0.5 lets the float adder round to the last place of a subnormal half.
  if (rest < 0x38800000) return (uint16_t)(sign | (bits_of(float_of(rest) + 0.5f) - bits_of(0.5f)));
  const uint32_t even = rest >> 13 & 1;
  return (uint16_t)(sign | (rest - (112u << 23) + 0xfff + even) >> 13);
}
