/*
 * Building blocks of the generated decoders in protocol.gen.c. Strict: a wrong type, an unknown or a missing field, a
 * string with a NUL byte or a negative unsigned number is an error with the path of the field. Never logs.
 */
#pragma once
#include "protocol.gen.h"

const char *proto_name(const char *const names[], int n, int value);
int proto_index(const char *const names[], int n, const char *text);

/* Fails when json is no object or has a field that is not in known (NULL-terminated). */
int proto_check_fields(const json_t *json, const char *const known[], struct proto_error *err);
/* *ret_item is NULL for an absent or null optional field. */
int proto_get(const json_t *json, const char *field, bool optional, const json_t **ret_item, struct proto_error *err);
/* Allocates zeroed room for all items of a list. */
int proto_list(const json_t *item, const char *field, size_t item_size, void **ret, struct proto_error *err);
int proto_string(const json_t *item, char **ret, struct proto_error *err);
int proto_uint(const json_t *item, uint64_t *ret, struct proto_error *err);
int proto_int(const json_t *item, int64_t *ret, struct proto_error *err);
int proto_bool(const json_t *item, bool *ret, struct proto_error *err);
int proto_enum(const json_t *item, const char *const names[], int n, int *ret, struct proto_error *err);
/* Prepends a field (and an index, if >= 0) to err->path while decoders return. */
void proto_at(struct proto_error *err, const char *field, long index);
/* A JSON string of text; bytes that are no UTF-8 (names and output of programs may be anything) become "?". NULL for NULL. */
json_t *proto_text(const char *text);
/* Zeroed memory; aborts when there is none. */
void *proto_alloc(size_t size);
