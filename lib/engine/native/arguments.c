// Checks arguments from JavaScript, and creates return values and errors.
#include "addon.h"

#include <errno.h>
#include <stdio.h>

struct engine *enter(napi_env env, napi_callback_info info, size_t count, napi_value *argv, bool inside) {
  napi_value self;
  size_t given = count;
  bool tagged = false;
  struct engine *engine = NULL;
  napi_valuetype type;
  if (napi_get_cb_info(env, info, &given, argv, &self, NULL) != napi_ok || napi_typeof(env, self, &type) != napi_ok ||
      type != napi_object || napi_check_object_type_tag(env, self, &ENGINE_TAG, &tagged) != napi_ok || !tagged ||
      napi_unwrap(env, self, (void **)&engine) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_THIS", "Cannot call this: `this` is not an engine");
    return NULL;
  }
  if (given < count) {
    napi_throw_type_error(env, "ERR_MISSING_ARGS", "Cannot call this: arguments are missing");
    return NULL;
  }
  if (engine->loop == NULL) {
    napi_throw_error(env, "ERR_INVALID_STATE", "Cannot use the engine: it is closed");
    return NULL;
  }
  if (engine->loop->js.calling && !inside) {
    napi_throw_error(env, "ERR_INVALID_STATE", "Cannot call the engine: a callback of the policy is running");
    return NULL;
  }
  return engine;
}

bool integer(napi_env env, napi_value value, double low, double high, const char *name, int64_t *result) {
  double number;
  char text[96];
  if (napi_get_value_double(env, value, &number) == napi_ok && number >= low && number <= high &&
      number == (double)(int64_t)number) {
    *result = (int64_t)number;
    return true;
  }
  snprintf(text, sizeof text, "Cannot use %s: it is not an integer between %.0f and %.0f", name, low, high);
  napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", text);
  return false;
}

napi_value undefined(napi_env env) {
  napi_value value = NULL;
  napi_get_undefined(env, &value);
  return value;
}

napi_value number(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}

bool numbers(napi_env env, napi_value self, const char *name, napi_typedarray_type type, size_t length, void *memory,
             napi_ref *ref) {
  napi_value buffer, array;
  size_t size = type == napi_float64_array ? sizeof(double) : type == napi_int32_array ? sizeof(int32_t) : 1;
  return napi_create_arraybuffer(env, length * size, memory, &buffer) == napi_ok &&
         napi_create_typedarray(env, type, length, buffer, 0, &array) == napi_ok &&
         napi_set_named_property(env, self, name, array) == napi_ok &&
         napi_create_reference(env, buffer, 1, ref) == napi_ok;
}

bool scratch(napi_env env, struct engine *engine) {
  napi_value self;
  if (engine->scratch != NULL) return true;
  if (napi_get_reference_value(env, engine->self, &self) == napi_ok &&
      numbers(env, self, "scratch", napi_uint8_array, FIRST_AT_MOST, &engine->scratch, &engine->scratch_ref)) {
    return true;
  }
  throw_errno(env, ENOMEM, "make room for first bytes");
  return false;
}

static bool array(napi_env env, napi_value value, napi_typedarray_type wanted, size_t least, const char *name,
                  void **values, size_t *count) {
  char text[96];
  bool is_array = false;
  napi_typedarray_type type = napi_float64_array;
  if (napi_is_typedarray(env, value, &is_array) == napi_ok && is_array &&
      napi_get_typedarray_info(env, value, &type, count, values, NULL, NULL) == napi_ok && type == wanted &&
      *count >= least) {
    return true;
  }
  snprintf(text, sizeof text, "Cannot use %s: it is not the typed array that is wanted", name);
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", text);
  return false;
}

bool integers(napi_env env, napi_value value, size_t least, const char *name, int32_t **values, size_t *count) {
  void *memory = NULL;
  bool is_array = array(env, value, napi_int32_array, least, name, &memory, count);
  *values = memory;
  return is_array;
}

bool octets(napi_env env, napi_value value, const char *name, void **bytes, size_t *count) {
  return array(env, value, napi_uint8_array, 0, name, bytes, count);
}

void throw_errno(napi_env env, int error, const char *what) {
  char text[160];
  napi_value code, message, thrown;
  snprintf(text, sizeof text, "Cannot %s: %s, %s", what, uv_err_name(-error), uv_strerror(-error));
  if (napi_create_string_utf8(env, uv_err_name(-error), NAPI_AUTO_LENGTH, &code) == napi_ok &&
      napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message) == napi_ok &&
      napi_create_error(env, code, message, &thrown) == napi_ok) {
    napi_throw(env, thrown);
  }
}
