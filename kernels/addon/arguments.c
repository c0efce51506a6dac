// Reads and checks JavaScript arguments, and makes handles.
#include "arguments.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const handle_names[HANDLE_KINDS] = {"a FileMap", "a QuantisedMatrix", "an ExpertMatrices",
                                                       "a KeyValueCache", "a StepSpans", "a Wire", "a Serving"};

// The tag is a random number, so that no other addon has the same tag.
static napi_type_tag tag_of(enum handle_kind kind) {
  return (napi_type_tag){0x6b9d3c54f0a1e827u, 0xd1f26e0837c945abu + kind};
}

static bool pending(napi_env env) {
  bool already = false;
  napi_is_exception_pending(env, &already);
  return already;
}

bool fail_type(napi_env env, const char *name, const char *wanted) {
  char text[200];
  snprintf(text, sizeof text, "%s must be %s", name, wanted);
  if (!pending(env)) napi_throw_type_error(env, NULL, text);
  return false;
}

bool fail_range(napi_env env, const char *format, ...) {
  char text[300];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (!pending(env)) napi_throw_range_error(env, NULL, text);
  return false;
}

bool fail_memory(napi_env env) {
  if (!pending(env)) napi_throw_error(env, "ENOMEM", "no memory for the kernels' buffers");
  return false;
}

bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  size_t given = count;
  return napi_get_cb_info(env, info, &given, arguments, NULL, NULL) == napi_ok;
}

bool read_number(napi_env env, napi_value value, const char *name, double *out) {
  if (napi_get_value_double(env, value, out) == napi_ok) return true;
  return fail_type(env, name, "a number");
}

bool read_count(napi_env env, napi_value value, const char *name, size_t least, size_t most, size_t *out) {
  double number;
  if (!read_number(env, value, name, &number)) return false;
  if (!(number >= (double)least && number <= (double)most) || number != floor(number) || number > 9007199254740991.0) {
    return fail_range(env, "%s is %.17g; it must be a whole number from %zu to %zu", name, number, least, most);
  }
  *out = (size_t)number;
  return true;
}

bool read_text(napi_env env, napi_value value, const char *name, char **out) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) return fail_type(env, name, "a string");
  char *text = malloc(length + 1);
  if (text == NULL) return fail_memory(env);
  if (napi_get_value_string_utf8(env, value, text, length + 1, &length) != napi_ok) {
    free(text);
    return fail_type(env, name, "a string");
  }
  *out = text;
  return true;
}

bool read_short_text(napi_env env, napi_value value, const char *name, char *out, size_t capacity, size_t *length) {
  if (napi_get_value_string_utf8(env, value, NULL, 0, length) != napi_ok) return fail_type(env, name, "a string");
  if (*length >= capacity) return fail_range(env, "%s has %zu bytes; %zu are allowed", name, *length, capacity - 1);
  return napi_get_value_string_utf8(env, value, out, capacity, length) == napi_ok || fail_type(env, name, "a string");
}

bool read_array(napi_env env, napi_value value, napi_typedarray_type type, const char *name, struct array *out) {
  const char *wanted = type == napi_float32_array   ? "a Float32Array"
                       : type == napi_float64_array ? "a Float64Array"
                       : type == napi_int32_array   ? "an Int32Array"
                                                    : "a Uint8Array";
  bool is_array = false;
  napi_typedarray_type found;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return fail_type(env, name, wanted);
  if (napi_get_typedarray_info(env, value, &found, &out->length, &out->data, NULL, NULL) != napi_ok || found != type) {
    return fail_type(env, name, wanted);
  }
  const size_t width = type == napi_uint8_array ? 1 : type == napi_float64_array ? 8 : 4;
  out->bytes = out->length * width;
  out->name = name;
  return true;
}

bool read_floats(napi_env env, napi_value value, const char *name, struct array *out) {
  return read_array(env, value, napi_float32_array, name, out);
}

bool read_integers(napi_env env, napi_value value, const char *name, struct array *out) {
  return read_array(env, value, napi_int32_array, name, out);
}

bool is_undefined(napi_env env, napi_value value) {
  napi_valuetype found;
  return napi_typeof(env, value, &found) == napi_ok && found == napi_undefined;
}

static bool read_optional(napi_env env, napi_value value, napi_typedarray_type type, const char *name,
                          struct array *out) {
  if (is_undefined(env, value)) {
    *out = (struct array){name, NULL, 0, 0};
    return true;
  }
  return read_array(env, value, type, name, out);
}

bool read_optional_floats(napi_env env, napi_value value, const char *name, struct array *out) {
  return read_optional(env, value, napi_float32_array, name, out);
}

bool read_optional_integers(napi_env env, napi_value value, const char *name, struct array *out) {
  return read_optional(env, value, napi_int32_array, name, out);
}

bool read_optional_bytes(napi_env env, napi_value value, const char *name, struct array *out) {
  return read_optional(env, value, napi_uint8_array, name, out);
}

bool read_optional_count(napi_env env, napi_value value, const char *name, size_t least, size_t most, size_t *out) {
  return is_undefined(env, value) || read_count(env, value, name, least, most, out);
}

bool read_optional_flag(napi_env env, napi_value value, const char *name, bool *out) {
  return is_undefined(env, value) || napi_get_value_bool(env, value, out) == napi_ok || fail_type(env, name, "a boolean");
}

bool read_list(napi_env env, napi_value value, const char *name, size_t most, size_t *length) {
  bool is_array = false;
  uint32_t found = 0;
  if (napi_is_array(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_array_length(env, value, &found) != napi_ok) {
    return fail_type(env, name, "an array");
  }
  if (found < 1 || found > most) return fail_range(env, "%s has %u elements; 1 to %zu are allowed", name, found, most);
  *length = found;
  return true;
}

bool read_elements(napi_env env, napi_value list, const char *name, size_t count, napi_value *out) {
  for (size_t i = 0; i < count; i++) {
    if (napi_get_element(env, list, (uint32_t)i, &out[i]) != napi_ok) return fail_type(env, name, "a readable array");
  }
  return true;
}

bool read_properties(napi_env env, napi_value object, const char *name, const char *const *keys, size_t count,
                     napi_value *out) {
  napi_valuetype found;
  if (napi_typeof(env, object, &found) != napi_ok || (found != napi_object && found != napi_undefined)) {
    return fail_type(env, name, "an object");
  }
  for (size_t i = 0; i < count; i++) {
    const napi_status status = found == napi_undefined ? napi_get_undefined(env, &out[i])
                                                       : napi_get_named_property(env, object, keys[i], &out[i]);
    if (status != napi_ok) return fail_type(env, name, "a readable object");
  }
  return true;
}

bool check_length(napi_env env, const struct array *array, size_t a, size_t b) {
  const size_t needed = a * b;
  if (array->length >= needed) return true;
  return fail_range(env, "%s has %zu elements; %zu x %zu are needed", array->name, array->length, a, b);
}

bool check_apart(napi_env env, const struct array *a, const struct array *b) {
  const char *first = a->data, *second = b->data;
  if (a->bytes == 0 || b->bytes == 0 || first + a->bytes <= second || second + b->bytes <= first) return true;
  return fail_range(env, "%s overlaps %s in memory", a->name, b->name);
}

struct holder {
  void *data;
  int64_t bytes;
  void (*release)(void *);
};

static void finalize(napi_env env, void *data, void *hint) {
  (void)hint;
  struct holder *holder = data;
  int64_t total;
  if (holder->bytes > 0) napi_adjust_external_memory(env, -holder->bytes, &total);
  holder->release(holder->data);
  free(holder);
}

napi_value wrap_handle(napi_env env, enum handle_kind kind, void *data, size_t bytes, void (*release)(void *)) {
  const napi_type_tag tag = tag_of(kind);
  napi_value object;
  struct holder *holder = malloc(sizeof *holder);
  if (holder != NULL) {
    *holder = (struct holder){data, (int64_t)bytes, release};
    if (napi_create_object(env, &object) == napi_ok &&
        napi_wrap(env, object, holder, finalize, NULL, NULL) == napi_ok) {
      // From here on the object owns the data.
      int64_t total;
      if (bytes > 0) napi_adjust_external_memory(env, (int64_t)bytes, &total);
      if (napi_type_tag_object(env, object, &tag) == napi_ok) return object;
      fail_memory(env);
      return NULL;
    }
    free(holder);
  }
  release(data);
  fail_memory(env);
  return NULL;
}

bool read_handle(napi_env env, napi_value value, enum handle_kind kind, const char *name, void **out) {
  const napi_type_tag tag = tag_of(kind);
  napi_valuetype type;
  bool tagged = false;
  void *wrapped;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_object ||
      napi_check_object_type_tag(env, value, &tag, &tagged) != napi_ok || !tagged ||
      napi_unwrap(env, value, &wrapped) != napi_ok) {
    return fail_type(env, name, handle_names[kind]);
  }
  *out = ((struct holder *)wrapped)->data;
  return true;
}

bool set_number(napi_env env, napi_value object, const char *name, double value) {
  napi_value number;
  if (napi_create_double(env, value, &number) != napi_ok) return false;
  const napi_property_descriptor property = {name, NULL, NULL, NULL, NULL, number, napi_enumerable, NULL};
  return napi_define_properties(env, object, 1, &property) == napi_ok;
}

bool add_entries(napi_env env, napi_value exports, const struct entry *entries, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value function;
    if (napi_create_function(env, entries[i].name, NAPI_AUTO_LENGTH, entries[i].call, NULL, &function) != napi_ok ||
        napi_set_named_property(env, exports, entries[i].name, function) != napi_ok) {
      return false;
    }
  }
  return true;
}
