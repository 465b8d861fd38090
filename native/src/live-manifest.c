#include "live-manifest.h"

#include "cleanup.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

static const char magic[8] = "TLXCMAN1";

enum {
	HEADER = sizeof(magic) + 4,
	TRAILER = 8,
	FIXED = 4 + 4 + 1 + 8 + 8 + 4 + 8 + 4 + 2 + 2, /* of a record: the fields up to the lengths of name and redirect */
};
#define LARGEST ((size_t)4 << 30)

uint64_t manifest_sum(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint64_t sum = 0xcbf29ce484222325U;

	for (size_t i = 0; i < size; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3U;
	return sum;
}

static void put(struct manifest_writer *writer, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		writer->data[writer->size++] = (char)(value >> (8 * i));
}

static void put_text(struct manifest_writer *writer, const char *text, size_t size)
{
	memcpy(writer->data + writer->size, text, size);
	writer->size += size;
}

static void reserve(struct manifest_writer *writer, size_t more)
{
	if (writer->room - writer->size >= more)
		return;
	writer->room = writer->room * 2 + more + (64 << 10);
	writer->data = tree_grow(writer->data, writer->room, 1);
}

uint32_t manifest_add(struct manifest_writer *writer, const struct manifest_record *record)
{
	size_t name = strlen(record->name), redirect = record->redirect ? strlen(record->redirect) : 0;

	reserve(writer, HEADER + FIXED + name + redirect);
	if (writer->n == 0) {
		put_text(writer, magic, sizeof(magic));
		put(writer, 0, 4);
	}
	put(writer, record->parent, 4);
	put(writer, record->mode, 4);
	put(writer, record->flags, 1);
	put(writer, record->ino, 8);
	put(writer, (uint64_t)record->btime.sec, 8);
	put(writer, record->btime.nsec, 4);
	put(writer, (uint64_t)record->ctime.sec, 8);
	put(writer, record->ctime.nsec, 4);
	put(writer, name, 2);
	put(writer, redirect, 2);
	put_text(writer, record->name, name);
	put_text(writer, record->redirect ? record->redirect : "", redirect);
	return writer->n++;
}

void manifest_finish(struct manifest_writer *writer)
{
	size_t size = writer->size;

	reserve(writer, TRAILER);
	writer->size = sizeof(magic);
	put(writer, writer->n, 4);
	writer->size = size;
	put(writer, manifest_sum(writer->data, size), 8);
}

struct reader {
	const uint8_t *at;
	size_t left;
	char *text; /* where the next name goes */
};

static uint64_t get(struct reader *reader, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)reader->at[i] << (8 * i);
	reader->at += bytes;
	reader->left -= bytes;
	return value;
}

static const char *get_text(struct reader *reader, size_t size)
{
	char *text = reader->text;

	memcpy(text, reader->at, size);
	text[size] = '\0';
	reader->text += size + 1;
	reader->at += size;
	reader->left -= size;
	return strlen(text) == size ? text : NULL;
}

static int get_record(struct reader *reader, struct manifest_record *ret)
{
	size_t name, redirect;

	if (reader->left < FIXED)
		return -EBADMSG;
	ret->parent = (uint32_t)get(reader, 4);
	ret->mode = (uint32_t)get(reader, 4);
	ret->flags = (uint8_t)get(reader, 1);
	ret->ino = get(reader, 8);
	ret->btime.sec = (int64_t)get(reader, 8);
	ret->btime.nsec = (uint32_t)get(reader, 4);
	ret->ctime.sec = (int64_t)get(reader, 8);
	ret->ctime.nsec = (uint32_t)get(reader, 4);
	name = (size_t)get(reader, 2);
	redirect = (size_t)get(reader, 2);
	if (name > NAME_MAX || name + redirect > reader->left || (redirect > 0) != ((ret->flags & MANIFEST_REDIRECT) != 0))
		return -EBADMSG;
	ret->name = get_text(reader, name);
	ret->redirect = redirect ? get_text(reader, redirect) : NULL;
	return !ret->name || (redirect && !ret->redirect) || (ret->flags & ~MANIFEST_FLAGS) ? -EBADMSG : 0;
}

static bool name_valid(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Hangs record i under its parent; children of one directory must follow each other in the order of their names. */
static int attach(struct manifest *manifest, uint32_t i)
{
	struct manifest_record *record = &manifest->records[i], *parent;

	if (i == 0)
		return record->parent == MANIFEST_NONE && !*record->name && S_ISDIR(record->mode) ? 0 : -EBADMSG;
	if (record->parent >= i || !name_valid(record->name))
		return -EBADMSG;
	parent = &manifest->records[record->parent];
	if (!S_ISDIR(parent->mode))
		return -EBADMSG;
	if (parent->n_children == 0)
		parent->first_child = i;
	else if (parent->first_child + parent->n_children != i || strcmp(manifest->records[i - 1].name, record->name) >= 0)
		return -EBADMSG;
	parent->n_children++;
	return 0;
}

int manifest_parse(const void *data, size_t size, struct manifest *ret)
{
	struct reader reader = { .at = data, .left = size };
	struct manifest manifest = {};
	uint64_t sum;
	int r = 0;

	if (size < HEADER + TRAILER || size > LARGEST || memcmp(data, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	sum = manifest_sum(data, size - TRAILER);
	reader.at += sizeof(magic);
	reader.left -= sizeof(magic) + TRAILER;
	manifest.n = (uint32_t)get(&reader, 4);
	/* No more than there is room for: the number is what a file says. */
	if (manifest.n == 0 || manifest.n > reader.left / FIXED)
		return -EBADMSG;
	manifest.records = tree_alloc(manifest.n, sizeof(*manifest.records));
	manifest.text = reader.text = tree_alloc(reader.left + 2 * (size_t)manifest.n, 1);
	for (uint32_t i = 0; r == 0 && i < manifest.n; i++) {
		r = get_record(&reader, &manifest.records[i]);
		if (r == 0)
			r = attach(&manifest, i);
	}
	if (r == 0 && reader.left != 0)
		r = -EBADMSG;
	reader.left += TRAILER;
	if (r == 0 && get(&reader, 8) != sum)
		r = -EBADMSG;
	if (r < 0)
		manifest_clear(&manifest);
	else
		*ret = manifest;
	return r;
}

int manifest_read(const char *path, struct manifest *ret)
{
	cleanup_free char *data = NULL;
	size_t size;
	int r = fd_read_file(AT_FDCWD, path, LARGEST, &data, &size);

	return r < 0 ? r : manifest_parse(data, size, ret);
}

void manifest_clear(struct manifest *manifest)
{
	free(manifest->records);
	free(manifest->text);
	*manifest = (struct manifest){};
}
