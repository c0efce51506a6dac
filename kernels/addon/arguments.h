// Reads JavaScript arguments. If an argument is wrong, a reader throws an exception that names it and returns false.
#pragma once
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Reads exactly `count` arguments. Missing arguments are undefined.
bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments);

bool fail_type(napi_env env, const char *name, const char *wanted);
// Throws a RangeError; takes printf arguments. Returns false.
bool fail_range(napi_env env, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool fail_memory(napi_env env);

// Reads a whole number from `least` to `most`; `most` is at most 2^53 - 1.
bool read_count(napi_env env, napi_value value, const char *name, size_t least, size_t most, size_t *out);
bool read_number(napi_env env, napi_value value, const char *name, double *out);
// Reads a string into a copy that the caller must free.
bool read_text(napi_env env, napi_value value, const char *name, char **out);
// Reads a string of less than `capacity` bytes.
bool read_short_text(napi_env env, napi_value value, const char *name, char *out, size_t capacity, size_t *length);

struct array {
  const char *name;
  void *data;
  size_t length;  // elements
  size_t bytes;
};
bool read_array(napi_env env, napi_value value, napi_typedarray_type type, const char *name, struct array *out);
bool read_floats(napi_env env, napi_value value, const char *name, struct array *out);
bool read_integers(napi_env env, napi_value value, const char *name, struct array *out);
// Like the readers above, but the value may be undefined. `data` is then NULL.
bool read_optional_floats(napi_env env, napi_value value, const char *name, struct array *out);
bool read_optional_integers(napi_env env, napi_value value, const char *name, struct array *out);
bool read_optional_bytes(napi_env env, napi_value value, const char *name, struct array *out);
// If the value is undefined, `out` is unchanged.
bool read_optional_count(napi_env env, napi_value value, const char *name, size_t least, size_t most, size_t *out);
bool read_optional_flag(napi_env env, napi_value value, const char *name, bool *out);
// Reads the length of an Array (not a typed array), which must be from 1 to `most`.
bool read_list(napi_env env, napi_value value, const char *name, size_t most, size_t *length);
// Read elements of an Array, and properties of an object; if the object is undefined, so are its properties. Both may run
// JavaScript (a getter), which may detach a buffer, so call them before a typed array is read.
bool read_elements(napi_env env, napi_value list, const char *name, size_t count, napi_value *out);
bool read_properties(napi_env env, napi_value object, const char *name, const char *const *keys, size_t count,
                     napi_value *out);
bool is_undefined(napi_env env, napi_value value);

// Checks that the array has at least a * b elements. The caller makes sure that a * b does not overflow.
bool check_length(napi_env env, const struct array *array, size_t a, size_t b);
// Checks that two arrays share no byte. An array without data shares none.
bool check_apart(napi_env env, const struct array *a, const struct array *b);

// Handles are JavaScript objects that wrap a native structure. Each kind has a tag, so that no other object is accepted as
// a handle.
enum handle_kind { HANDLE_MAP, HANDLE_MATRIX, HANDLE_EXPERT, HANDLE_CACHE, HANDLE_SPANS, HANDLE_WIRE, HANDLE_SERVING, HANDLE_KINDS };
// Takes ownership of `data`. `release` is called when the object is garbage-collected. If no object can be made, `release` is
// called at once, and the result is NULL. `bytes` tells the garbage collector how much memory the object keeps alive.
napi_value wrap_handle(napi_env env, enum handle_kind kind, void *data, size_t bytes, void (*release)(void *));
bool read_handle(napi_env env, napi_value value, enum handle_kind kind, const char *name, void **out);
// Defines a read-only number on a handle, for JavaScript.
bool set_number(napi_env env, napi_value object, const char *name, double value);

struct entry {
  const char *name;
  napi_callback call;
};
bool add_entries(napi_env env, napi_value exports, const struct entry *entries, size_t count);
