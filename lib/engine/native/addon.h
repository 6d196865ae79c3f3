// Between the files of the surface towards JavaScript: addon.c, arguments.c and methods.c.
#ifndef BAL_ADDON_H
#define BAL_ADDON_H

#include "bal.h"

/** Marks objects that wrap an engine. */
static const napi_type_tag ENGINE_TAG = {0x62616c2d656e6769, 0x6e652d6e61746976};

/* arguments.c */
/** The engine behind `this`, its arguments in `argv`; null after throwing. `inside`: allowed in the policy's callbacks. */
struct engine *enter(napi_env env, napi_callback_info info, size_t count, napi_value *argv, bool inside);
/** An integer between `low` and `high`; false after throwing. */
bool integer(napi_env env, napi_value value, double low, double high, const char *name, int64_t *result);
napi_value undefined(napi_env env);
napi_value number(napi_env env, double value);
/** Throws an Error with the errno's name as its code. */
void throw_errno(napi_env env, int error, const char *what);

/* methods.c */
bool define_methods(napi_env env, napi_value engine);
/** Forgets all that JavaScript gave; the engine is closed then. */
void engine_release(struct engine *engine);

#endif
