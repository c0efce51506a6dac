// Reads JavaScript arguments. If an argument is wrong, a reader throws an exception that names it and returns false.
#pragma once
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MOST_ARGUMENTS = 12 };

// Exactly `count` arguments (absent ones are undefined).
bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments);

bool fail_type(napi_env env, const char *name, const char *wanted);
// Throws a RangeError; takes printf arguments. Returns false.
bool fail_range(napi_env env, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool fail_memory(napi_env env);

// A whole number in least … most (at most 2^53 - 1).
bool read_count(napi_env env, napi_value value, const char *name, size_t least, size_t most, size_t *out);
bool read_number(napi_env env, napi_value value, const char *name, double *out);
// A copy that the caller frees.
bool read_text(napi_env env, napi_value value, const char *name, char **out);

struct array {
  const char *name;
  void *data;
  size_t length;  // elements
  size_t bytes;
};
bool read_array(napi_env env, napi_value value, napi_typedarray_type type, const char *name, struct array *out);
bool read_floats(napi_env env, napi_value value, const char *name, struct array *out);
bool read_integers(napi_env env, napi_value value, const char *name, struct array *out);
// Like the readers above, but undefined is allowed and gives data NULL.
bool read_optional_floats(napi_env env, napi_value value, const char *name, struct array *out);
bool read_optional_integers(napi_env env, napi_value value, const char *name, struct array *out);
bool read_optional_bytes(napi_env env, napi_value value, const char *name, struct array *out);
// An Array, not a typed array, of 1 … most elements.
bool read_list(napi_env env, napi_value value, const char *name, size_t most, size_t *length);

// At least a * b elements; a and b are below 2^32.
bool check_length(napi_env env, const struct array *array, size_t a, size_t b);
// Checks that two arrays share no byte.
bool check_apart(napi_env env, const struct array *a, const struct array *b);

// Handles: plain objects that wrap a native structure, tagged so that no other object passes for one.
enum handle_kind { HANDLE_MAP, HANDLE_MATRIX, HANDLE_EXPERT, HANDLE_CACHE, HANDLE_SPANS, HANDLE_KINDS };
// Takes ownership of `data`: `release` is called when the object is garbage-collected, or at once on failure, when NULL is
// returned. `bytes` tells the garbage collector how much memory the object keeps alive.
napi_value wrap_handle(napi_env env, enum handle_kind kind, void *data, size_t bytes, void (*release)(void *));
bool read_handle(napi_env env, napi_value value, enum handle_kind kind, const char *name, void **out);
// Defines a read-only number on a handle, for JavaScript.
bool set_number(napi_env env, napi_value object, const char *name, double value);

struct entry {
  const char *name;
  napi_callback call;
};
bool add_entries(napi_env env, napi_value exports, const struct entry *entries, size_t count);
