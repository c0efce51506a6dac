// The gateway's side of a hop: sends the frames of one layer, waits for their answers, and copies them out. The only function
// that waits. Everything but complete, finite answers in the fast layout ends the wait and stays with the wires, so that
// JavaScript sees it.
#pragma once
#include "frame.h"
#include "wire.h"

struct exchange_frame {
  struct wire *wire;
  struct run_call call;     // `pairs` and `rows` are not used
  const int32_t *row_of;    // [rows], numbers of rows of x
  size_t rows;
  const int32_t *asks;      // [call.asks, 2]: index into `row_of`, expert
  float *answers;           // [call.asks, hidden]
  bool is_sent, is_answered;  // a frame that is sent already is only waited for
};

enum { MOST_EXCHANGED = 64 };

// Sends every frame that is not sent yet, and waits up to `wait_us` for the answers. Returns the number of answered frames. A frame
// with `is_sent` false must be sent another way. `waited_us` gets the time in which this thread slept.
size_t exchange(struct exchange_frame *frames, size_t count, const float *x, size_t hidden, uint32_t wait_us, double *waited_us);
