// Reads JavaScript arguments. Each reader returns false with an exception pending that names the argument.
#pragma once
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MOST_ARGUMENTS = 12 };

// Exactly `count` arguments (absent ones are undefined).
bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments);

bool fail_type(napi_env env, const char *name, const char *wanted);
// A RangeError; printf arguments.
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
// As those for values that must be there; undefined gives data NULL.
bool read_optional_floats(napi_env env, napi_value value, const char *name, struct array *out);
bool read_optional_integers(napi_env env, napi_value value, const char *name, struct array *out);
bool read_optional_bytes(napi_env env, napi_value value, const char *name, struct array *out);
// An Array (not a typed one) of 1 … most elements.
bool read_list(napi_env env, napi_value value, const char *name, size_t most, size_t *length);

// At least a * b elements; a and b are below 2^32.
bool check_length(napi_env env, const struct array *array, size_t a, size_t b);
// Two arrays share no byte.
bool check_apart(napi_env env, const struct array *a, const struct array *b);

// Handles: plain objects that wrap a native structure, tagged so that no other object passes for one.
enum handle_kind { HANDLE_MAP, HANDLE_MATRIX, HANDLE_EXPERT, HANDLE_CACHE, HANDLE_SPANS, HANDLE_KINDS };
// Takes over `data`: `release` is called when the object is garbage, or at once on failure (then NULL). `bytes` tells the
// garbage collector what hangs on a small object.
napi_value wrap_handle(napi_env env, enum handle_kind kind, void *data, size_t bytes, void (*release)(void *));
bool read_handle(napi_env env, napi_value value, enum handle_kind kind, const char *name, void **out);
// A read-only number of a handle, for JavaScript to look at.
bool set_number(napi_env env, napi_value object, const char *name, double value);

struct entry {
  const char *name;
  napi_callback call;
};
bool add_entries(napi_env env, napi_value exports, const struct entry *entries, size_t count);
