// The groups of functions that make up the addon.
#pragma once
#include "arguments.h"

bool add_machine_entries(napi_env env, napi_value exports);
bool add_file_entries(napi_env env, napi_value exports);
bool add_weight_entries(napi_env env, napi_value exports);
bool add_product_entries(napi_env env, napi_value exports);
bool add_expert_entries(napi_env env, napi_value exports);
bool add_row_entries(napi_env env, napi_value exports);
bool add_attention_entries(napi_env env, napi_value exports);
bool add_logit_entries(napi_env env, napi_value exports);
bool add_wire_entries(napi_env env, napi_value exports);
bool add_serving_entries(napi_env env, napi_value exports);

// Ends one use of a `struct matrix`.
void release_matrix(void *matrix);

// Most rows of one call. This limit and MOST_WIDTH keep every product of sizes far below the overflow of size_t.
#define MOST_ROWS ((size_t)1 << 24)
// Most rows or columns of a matrix, and most values of a row.
#define MOST_WIDTH ((size_t)1 << 31)
