#include "frame.h"
#include <string.h>

// MessagePack's type bytes.
enum { NIL = 0xc0, BIN32 = 0xc6, FLOAT64 = 0xcb, UINT16 = 0xcd, UINT32 = 0xce, UINT64 = 0xcf, STR8 = 0xd9, STR16 = 0xda };

static const uint8_t call_start[] = {0x94, 0, UINT32};
static const uint8_t call_method[] = "\xaa" "expert.run" "\x88" "\xa8" "priority";
static const uint8_t layer_key[] = "\xa5" "layer" "\xcd";
static const uint8_t epoch_key[] = "\xa5" "epoch" "\xcf";
static const uint8_t deadline_key[] = "\xaa" "deadlineMs" "\xce";
static const uint8_t model_key[] = "\xa5" "model";
static const uint8_t asks_key[] = "\xa4" "asks" "\xc6";
static const uint8_t rows_key[] = "\xa4" "rows" "\xc6";
static const uint8_t dtype_key[] = "\xa5" "dtype";
static const uint8_t answer_start[] = {0x94, 1, UINT32};
static const uint8_t answer_run[] = "\xc0" "\x83" "\xa5" "runMs" "\xcb";
static const uint8_t answer_queue[] = "\xa7" "queueMs" "\xcb";
// The key is longer than it need be, so that the rows are aligned.
static const uint8_t answer_rows[] = "\xd9\x04" "rows" "\xc6";
#define TEXT_BYTES(text) (sizeof(text) - 1)

// "f32" in the three lengths that MessagePack allows. With the two of the identity, they reach every alignment.
static const struct { const char *bytes; size_t count; } dtypes[] = {
    {"\xa3" "f32", 4}, {"\xd9\x03" "f32", 5}, {"\xda\x00\x03" "f32", 6},
};

static uint8_t *put(uint8_t *at, const uint8_t *bytes, size_t count) {
  memcpy(at, bytes, count);
  return at + count;
}

static uint8_t *put_big(uint8_t *at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
  return at + bytes;
}

static uint64_t get_big(const uint8_t *at, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value = value << 8 | at[i];
  return value;
}

static double get_double(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint8_t *put_double(uint8_t *at, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return put_big(at, bits, 8);
}

// A reader that only moves forward. Every step checks that the bytes are there.
struct reader {
  const uint8_t *at, *end;
};

static bool skip(struct reader *reader, const uint8_t *bytes, size_t count) {
  if ((size_t)(reader->end - reader->at) < count || memcmp(reader->at, bytes, count) != 0) return false;
  reader->at += count;
  return true;
}

static bool take_big(struct reader *reader, int bytes, uint64_t *value) {
  if (reader->end - reader->at < bytes) return false;
  *value = get_big(reader->at, bytes);
  reader->at += bytes;
  return true;
}

static bool take_bytes(struct reader *reader, size_t count, const uint8_t **bytes) {
  if ((size_t)(reader->end - reader->at) < count) return false;
  *bytes = reader->at;
  reader->at += count;
  return true;
}

bool begins_call(const uint8_t *frame) {
  return memcmp(frame + FRAME_HEADER, call_start, sizeof call_start) == 0 &&
         memcmp(frame + FRAME_HEADER + 7, call_method, CALL_PREFIX - FRAME_HEADER - 7) == 0;
}

bool begins_answer(const uint8_t *frame) {
  return memcmp(frame + FRAME_HEADER, answer_start, sizeof answer_start) == 0 && frame[FRAME_HEADER + 7] == NIL;
}

// Bytes of the head if the identity's length takes 1 byte and "f32" is shortest.
static size_t shortest_head(size_t model_bytes, size_t asks) {
  return FRAME_HEADER + sizeof call_start + 4 + TEXT_BYTES(call_method) + 1 + TEXT_BYTES(layer_key) + 2 +
         TEXT_BYTES(epoch_key) + 8 + TEXT_BYTES(deadline_key) + 4 + TEXT_BYTES(model_key) + 2 + model_bytes +
         TEXT_BYTES(dtype_key) + dtypes[0].count + TEXT_BYTES(asks_key) + 4 + 4 * asks + TEXT_BYTES(rows_key) + 4;
}

// Chooses how the lengths of the identity (1 or 2 bytes) and of "f32" are written, so that the head is a multiple of 4.
static size_t aligned_head(size_t model_bytes, size_t asks, int *model_width, int *dtype) {
  const size_t shortest = shortest_head(model_bytes, asks), added = (4 - shortest % 4) % 4;
  *model_width = added == 3 ? 2 : 1;
  *dtype = (int)added - (*model_width - 1);
  return shortest + added;
}

size_t call_head_bytes(size_t model_bytes, size_t asks) {
  int model_width, dtype;
  return aligned_head(model_bytes, asks, &model_width, &dtype);
}

uint8_t *write_call_head(uint8_t *frame, const struct run_call *call) {
  int model_width, dtype;
  const size_t head = aligned_head(call->model_bytes, call->asks, &model_width, &dtype);
  uint8_t *at = put_big(frame, head - FRAME_HEADER + call->rows_bytes, FRAME_HEADER);
  at = put(at, call_start, sizeof call_start);
  at = put_big(at, call->id, 4);
  at = put(at, call_method, TEXT_BYTES(call_method));
  *at++ = call->priority;
  at = put(at, layer_key, TEXT_BYTES(layer_key));
  at = put_big(at, call->layer, 2);
  at = put(at, epoch_key, TEXT_BYTES(epoch_key));
  at = put_big(at, call->epoch, 8);
  at = put(at, deadline_key, TEXT_BYTES(deadline_key));
  at = put_big(at, call->deadline_ms, 4);
  at = put(at, model_key, TEXT_BYTES(model_key));
  *at++ = model_width == 1 ? STR8 : STR16;
  at = put_big(at, call->model_bytes, model_width);
  at = put(at, call->model, call->model_bytes);
  at = put(at, dtype_key, TEXT_BYTES(dtype_key));
  at = put(at, (const uint8_t *)dtypes[dtype].bytes, dtypes[dtype].count);
  at = put(at, asks_key, TEXT_BYTES(asks_key));
  uint8_t *pairs = put_big(at, 4 * call->asks, 4);
  at = put(pairs + 4 * call->asks, rows_key, TEXT_BYTES(rows_key));
  put_big(at, call->rows_bytes, 4);
  return pairs;
}

void set_call_deadline(uint8_t *frame, uint32_t deadline_ms) {
  const size_t at = FRAME_HEADER + sizeof call_start + 4 + TEXT_BYTES(call_method) + 1 + TEXT_BYTES(layer_key) + 2 +
                    TEXT_BYTES(epoch_key) + 8 + TEXT_BYTES(deadline_key);
  put_big(frame + at, deadline_ms, 4);
}

static bool take_model(struct reader *reader, struct run_call *call) {
  uint64_t type, length;
  if (!skip(reader, model_key, TEXT_BYTES(model_key)) || !take_big(reader, 1, &type)) return false;
  if ((type != STR8 && type != STR16) || !take_big(reader, type == STR8 ? 1 : 2, &length)) return false;
  call->model_bytes = length;
  return take_bytes(reader, length, &call->model);
}

static bool skip_dtype(struct reader *reader) {
  if (!skip(reader, dtype_key, TEXT_BYTES(dtype_key))) return false;
  for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
    if (skip(reader, (const uint8_t *)dtypes[i].bytes, dtypes[i].count)) return true;
  }
  return false;
}

bool read_call(const uint8_t *frame, size_t bytes, struct run_call *call) {
  struct reader reader = {frame + FRAME_HEADER, frame + bytes};
  uint64_t id, priority, layer, epoch, deadline_ms, pairs_bytes, rows_bytes;
  if (!skip(&reader, call_start, sizeof call_start) || !take_big(&reader, 4, &id) ||
      !skip(&reader, call_method, TEXT_BYTES(call_method)) || !take_big(&reader, 1, &priority) ||
      !skip(&reader, layer_key, TEXT_BYTES(layer_key)) || !take_big(&reader, 2, &layer) ||
      !skip(&reader, epoch_key, TEXT_BYTES(epoch_key)) || !take_big(&reader, 8, &epoch) ||
      !skip(&reader, deadline_key, TEXT_BYTES(deadline_key)) || !take_big(&reader, 4, &deadline_ms) ||
      !take_model(&reader, call) || !skip_dtype(&reader) || !skip(&reader, asks_key, TEXT_BYTES(asks_key)) ||
      !take_big(&reader, 4, &pairs_bytes) || !take_bytes(&reader, pairs_bytes, &call->pairs) ||
      !skip(&reader, rows_key, TEXT_BYTES(rows_key)) || !take_big(&reader, 4, &rows_bytes) ||
      !take_bytes(&reader, rows_bytes, &call->rows) || reader.at != reader.end) {
    return false;
  }
  call->id = (uint32_t)id;
  call->priority = (uint8_t)priority;
  call->layer = (uint16_t)layer;
  call->epoch = epoch;
  call->deadline_ms = (uint32_t)deadline_ms;
  call->asks = pairs_bytes / 4;
  call->rows_bytes = rows_bytes;
  return priority <= 1 && epoch < (uint64_t)1 << 53 && pairs_bytes % 4 == 0;
}

void write_answer_head(uint8_t *frame, uint32_t id, double run_ms, double queue_ms, size_t rows_bytes) {
  uint8_t *at = put_big(frame, ANSWER_HEAD - FRAME_HEADER + rows_bytes, FRAME_HEADER);
  at = put(at, answer_start, sizeof answer_start);
  at = put_big(at, id, 4);
  at = put_double(put(at, answer_run, TEXT_BYTES(answer_run)), run_ms);
  at = put_double(put(at, answer_queue, TEXT_BYTES(answer_queue)), queue_ms);
  put_big(put(at, answer_rows, TEXT_BYTES(answer_rows)), rows_bytes, 4);
}

uint32_t answer_id(const uint8_t *frame) { return (uint32_t)get_big(frame + FRAME_HEADER + sizeof answer_start, 4); }

// Longest time of a call that an answer may state (`most.callMs` in experts/wire/bounds.ts).
static const double most_call_ms = 86400000;

static bool is_time(uint64_t bits) {
  const double ms = get_double(bits);
  return ms >= 0 && ms <= most_call_ms;  // NaN is neither
}

const uint8_t *read_answer(const uint8_t *frame, size_t bytes, size_t *rows_bytes) {
  struct reader reader = {frame + FRAME_HEADER, frame + bytes};
  uint64_t id, run_ms, queue_ms, length;
  const uint8_t *rows;
  if (!skip(&reader, answer_start, sizeof answer_start) || !take_big(&reader, 4, &id) ||
      !skip(&reader, answer_run, TEXT_BYTES(answer_run)) || !take_big(&reader, 8, &run_ms) ||
      !skip(&reader, answer_queue, TEXT_BYTES(answer_queue)) || !take_big(&reader, 8, &queue_ms) ||
      !skip(&reader, answer_rows, TEXT_BYTES(answer_rows)) || !take_big(&reader, 4, &length) ||
      !take_bytes(&reader, length, &rows) || reader.at != reader.end || !is_time(run_ms) || !is_time(queue_ms)) {
    return NULL;
  }
  *rows_bytes = length;
  return rows;
}

bool all_finite(const uint8_t *floats, size_t bytes) {
  uint32_t wrong = 0;
  for (size_t at = 0; at + 4 <= bytes; at += 4) {
    uint32_t bits;
    memcpy(&bits, floats + at, sizeof bits);
    wrong |= (bits & 0x7f800000) == 0x7f800000;
  }
  return wrong == 0;
}
