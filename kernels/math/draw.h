// Draws an id from a row of logits.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct draw_settings {
  float temperature;  // above 0
  double top_p;       // 1 keeps all
  size_t top_k;       // 0 keeps all
  float min_p;        // 0 keeps all
  double u;           // in [0, 1)
};

// Call under the pool's lock. Returns the id, -1 if no logit is finite, or -2 if there is no memory.
int64_t draw(const float *logits, size_t width, const struct draw_settings *settings);
