#include "proto-decode.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static int fail(struct proto_error *err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(err->reason, sizeof(err->reason), format, args);
	va_end(args);
	err->path[0] = '\0';
	return -EINVAL;
}

const char *proto_name(const char *const names[], int n, int value)
{
	return value >= 0 && value < n ? names[value] : "invalid";
}

int proto_index(const char *const names[], int n, const char *text)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], text) == 0)
			return i;
	return -1;
}

int proto_check_fields(const json_t *json, const char *const known[], struct proto_error *err)
{
	const char *key;
	json_t *value;

	if (!json_is_object(json))
		return fail(err, "not an object");
	/* The iterator takes a non-const pointer but does not change the object. */
	json_object_foreach((json_t *)json, key, value) {
		size_t i = 0;
		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (!known[i])
			return fail(err, "unknown field \"%.100s\"", key);
	}
	return 0;
}

int proto_get(const json_t *json, const char *field, bool optional, const json_t **ret_item, struct proto_error *err)
{
	const json_t *item = json_object_get(json, field);

	if (item && !json_is_null(item)) {
		*ret_item = item;
		return 0;
	}
	*ret_item = NULL;
	return optional ? 0 : fail(err, "missing field \"%s\"", field);
}

int proto_list(const json_t *item, const char *field, size_t item_size, void **ret, struct proto_error *err)
{
	if (!json_is_array(item)) {
		fail(err, "not a list");
		proto_at(err, field, -1);
		return -EINVAL;
	}
	*ret = proto_alloc((json_array_size(item) + 1) * item_size);
	return 0;
}

int proto_string(const json_t *item, char **ret, struct proto_error *err)
{
	if (!json_is_string(item))
		return fail(err, "not a string");
	/* Loaded without JSON_ALLOW_NUL, so there is none inside. */
	*ret = strdup(json_string_value(item));
	if (!*ret)
		abort();
	return 0;
}

int proto_int(const json_t *item, int64_t *ret, struct proto_error *err)
{
	if (!json_is_integer(item))
		return fail(err, "not a whole number");
	*ret = json_integer_value(item);
	return 0;
}

int proto_uint(const json_t *item, uint64_t *ret, struct proto_error *err)
{
	int64_t value = 0;

	if (proto_int(item, &value, err) < 0)
		return -EINVAL;
	if (value < 0)
		return fail(err, "negative");
	*ret = (uint64_t)value;
	return 0;
}

int proto_bool(const json_t *item, bool *ret, struct proto_error *err)
{
	if (!json_is_boolean(item))
		return fail(err, "not true or false");
	*ret = json_is_true(item);
	return 0;
}

int proto_enum(const json_t *item, const char *const names[], int n, int *ret, struct proto_error *err)
{
	if (!json_is_string(item))
		return fail(err, "not a string");
	*ret = proto_index(names, n, json_string_value(item));
	return *ret >= 0 ? 0 : fail(err, "unknown value \"%.100s\"", json_string_value(item));
}

void proto_at(struct proto_error *err, const char *field, long index)
{
	char rest[sizeof(err->path)];
	const char *dot;

	memcpy(rest, err->path, sizeof(rest));
	dot = rest[0] && rest[0] != '[' ? "." : "";
	/* A longer path is cut: the outermost fields are what locates an error. */
	if (index >= 0)
		(void)!snprintf(err->path, sizeof(err->path), "%s[%ld]%s%.200s", field, index, dot, rest);
	else
		(void)!snprintf(err->path, sizeof(err->path), "%s%s%.200s", field, dot, rest);
}

json_t *proto_text(const char *text)
{
	json_t *json = json_string(text);
	char *copy;

	if (json || !text)
		return json;
	copy = strdup(text);
	if (!copy)
		return NULL;
	for (char *at = copy; *at;) {
		unsigned char lead = (unsigned char)*at;
		size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
		json_t *one = json_stringn(at, strnlen(at, n));

		if (one)
			at += strnlen(at, n);
		else
			*at++ = '?';
		json_decref(one);
	}
	json = json_string(copy);
	free(copy);
	return json;
}

void *proto_alloc(size_t size)
{
	void *memory = calloc(1, size ? size : 1);

	if (!memory)
		abort();
	return memory;
}
