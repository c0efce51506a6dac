// The bytes of an `expert.run` call and of its answer, in the one layout that the fast path reads and writes. Pure.
//
// Both are ordinary MessagePack (docs/protocol.md), so every peer can read them. Keys stand in a fixed order, and numbers have
// fixed widths. A message of any other layout is left to the codec in TypeScript. A frame is a message behind its 4-byte
// length. The rows start at a multiple of 4 bytes from the start of the frame.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_call {
  uint32_t id;
  const uint8_t *model;  // identity, not terminated
  size_t model_bytes;
  uint16_t layer;
  uint8_t priority;  // 0 or 1
  uint64_t epoch;    // below 2^53
  uint32_t deadline_ms;
  size_t asks;          // number of pairs (row, expert)
  const uint8_t *pairs;  // [asks, 2] uint16
  const uint8_t *rows;   // float32
  size_t rows_bytes;
};

// What may begin a frame of each kind, so that a reader can tell it before the frame is complete.
enum { FRAME_HEADER = 4, CALL_PREFIX = 22, ANSWER_PREFIX = 12, ANSWER_HEAD = 56 };
bool begins_call(const uint8_t *frame);    // the first CALL_PREFIX bytes
bool begins_answer(const uint8_t *frame);  // the first ANSWER_PREFIX bytes

static inline size_t frame_bytes(const uint8_t *frame) {
  return FRAME_HEADER + ((size_t)frame[0] << 24 | (size_t)frame[1] << 16 | (size_t)frame[2] << 8 | frame[3]);
}

enum { MOST_MODEL_BYTES = 255 };
// Bytes of the frame up to its rows. The model's identity has at most MOST_MODEL_BYTES.
size_t call_head_bytes(size_t model_bytes, size_t asks);
// Writes everything up to the rows and returns where the pairs must be written.
uint8_t *write_call_head(uint8_t *frame, const struct run_call *call);
void set_call_deadline(uint8_t *frame, uint32_t deadline_ms);
// Reads a whole frame; the pointers lead into it. Returns false if its layout differs in any byte.
bool read_call(const uint8_t *frame, size_t bytes, struct run_call *call);

// Writes the ANSWER_HEAD bytes before the rows.
void write_answer_head(uint8_t *frame, uint32_t id, double run_ms, double queue_ms, size_t rows_bytes);
// The id in the first ANSWER_PREFIX bytes of an answer.
uint32_t answer_id(const uint8_t *frame);
// Returns the rows of a whole frame, or NULL if its layout differs or a time in it is not plausible.
const uint8_t *read_answer(const uint8_t *frame, size_t bytes, size_t *rows_bytes);

// Whether all floats are finite. The bytes need no alignment.
bool all_finite(const uint8_t *floats, size_t bytes);
