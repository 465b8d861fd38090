/* The layer, made of the copies when the container runs again. */
#include "live.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int write_piece(int fd, const struct live_piece *piece)
{
	for (uint64_t done = 0; done < piece->size;) {
		ssize_t n = pwrite(fd, piece->data + done, piece->size - done, (off_t)(piece->at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tree_fail("pwrite", "");
		done += (uint64_t)n;
	}
	return 0;
}

static int place_pieces(const struct live_object *object, int to, const char *name)
{
	cleanup_fd int fd = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = 0;

	if (fd < 0)
		return tree_fail("openat", name);
	for (const struct live_piece *piece = object->pieces; r == 0 && piece; piece = piece->next)
		r = write_piece(fd, piece);
	if (r == 0 && ftruncate(fd, (off_t)object->captured.size) < 0)
		r = tree_fail("ftruncate", name);
	return r;
}

static int place_file(struct live *live, const struct live_object *object, int to, const char *name)
{
	char number[16];

	live->files++;
	live->bytes += object->captured.size;
	if (object->file == 0)
		return place_pieces(object, to, name);
	snprintf(number, sizeof(number), "%u", object->file);
	return renameat2(live->staging, number, to, name, RENAME_NOREPLACE) < 0 ? tree_fail("renameat2", name) : 0;
}

static int link_placed(const struct live_object *object, int to, const char *name)
{
	int from = tree_dir_open(object->placed_dir), r = 0;

	if (from < 0)
		return from;
	if (linkat(from, object->placed_name, to, name, 0) < 0)
		r = tree_fail("linkat", name);
	tree_dir_done(object->placed_dir, from);
	return r;
}

static int place(struct live *live, struct live_dir *dir, struct live_entry *entry, int to)
{
	struct live_object *object = entry->object;
	int r;

	if (tree_is_whiteout(&object->stat))
		return tree_make_whiteout(to, entry->name);
	if (object->placed_dir)
		return link_placed(object, to, entry->name);
	/* Only without a freeze: it went away while it was copied. */
	if (!object->has_copy)
		return 0;
	r = S_ISREG(object->captured.mode) ? place_file(live, object, to, entry->name) :
					     tree_make_special(to, entry->name, &object->captured, object->link);
	if (r == 0)
		r = tree_apply(to, entry->name, &object->captured, &object->xattrs, false, NULL);
	object->placed_dir = dir->out;
	object->placed_name = entry->name;
	return r;
}

static int place_dir(struct live_dir *parent, struct live_entry *entry, int to)
{
	struct live_dir *dir = entry->dir;
	int fd;

	if (!dir->emit || dir->gone)
		return 0;
	if (mkdirat(to, entry->name, 0700) < 0)
		return tree_fail("mkdirat", entry->name);
	fd = tree_open_dir(to, entry->name);
	if (fd < 0)
		return fd;
	dir->out = tree_dir_new(parent->out, entry->name, fd, 0);
	return 0;
}

static int write_names(struct live *live, struct live_dir *dir, int to)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < dir->n_entries; i++) {
		struct live_entry *entry = &dir->entries[i];

		if (entry->dir)
			r = place_dir(dir, entry, to);
		else if (entry->emit)
			r = place(live, dir, entry, to);
	}
	for (size_t i = 0; r == 0 && i < dir->n_removed; i++) {
		r = tree_make_whiteout(to, live->base->records[dir->removed[i]].name);
		live->removed++;
	}
	return r;
}

/* Its own attributes last: names change its times, a default ACL would be given to what is made in it. */
static int write_dir(struct live *live, struct live_dir *dir)
{
	int to = tree_dir_open(dir->out), r = to < 0 ? to : write_names(live, dir, to);

	if (r == 0 && dir->parent)
		r = tree_apply(to, "", &dir->stat, &dir->xattrs, dir->opaque, dir->with_redirect ? dir->xattrs.redirect : NULL);
	tree_dir_done(dir->out, to);
	return r;
}

int live_write(struct live *live, struct tree_dir *out)
{
	int r = 0;

	live->dirs[0]->out = tree_dir_ref(out);
	for (size_t i = 0; r == 0 && i < live->n_dirs; i++)
		if (live->dirs[i]->out && !live->dirs[i]->gone)
			r = write_dir(live, live->dirs[i]);
	return r;
}

static void add_record(struct manifest_writer *writer, const struct live_dir *parent, struct live_entry *entry)
{
	struct live_object *object = entry->object;
	struct live_dir *dir = entry->dir;
	const struct tree_stat *stat = dir ? &dir->stat : entry->emit && object->has_copy ? &object->captured : &object->stat;
	struct manifest_record record = {
		.parent = parent->record, .name = entry->name, .mode = stat->mode, .ino = stat->ino, .btime = stat->btime, .ctime = stat->ctime,
	};
	bool settled = dir ? dir->settled : entry->emit ? object->settled : entry->base_settled;

	record.flags = settled ? MANIFEST_SETTLED : 0;
	if (!dir && tree_is_whiteout(stat))
		record.flags |= MANIFEST_WHITEOUT;
	if (dir && dir->xattrs.redirect) {
		record.flags |= MANIFEST_REDIRECT;
		record.redirect = dir->xattrs.redirect;
	}
	if (dir)
		record.flags |= (dir->xattrs.opaque ? MANIFEST_OPAQUE : 0) | (dir->xattrs.origin ? MANIFEST_ORIGIN : 0);
	if (dir)
		dir->record = manifest_add(writer, &record);
	else if (!entry->emit || object->has_copy || tree_is_whiteout(stat))
		manifest_add(writer, &record);
}

void live_manifest(struct live *live, struct manifest_writer *writer)
{
	struct live_dir *root = live->dirs[0];
	struct manifest_record record = {
		.parent = MANIFEST_NONE, .name = "", .mode = root->stat.mode, .ino = root->stat.ino, .btime = root->stat.btime,
		.ctime = root->stat.ctime, .flags = root->settled ? MANIFEST_SETTLED : 0,
	};

	root->record = manifest_add(writer, &record);
	for (size_t i = 0; i < live->n_dirs; i++) {
		struct live_dir *dir = live->dirs[i];

		for (size_t j = 0; !dir->gone && j < dir->n_entries; j++)
			if (dir->entries[j].object || !dir->entries[j].dir->gone)
				add_record(writer, dir, &dir->entries[j]);
	}
	manifest_finish(writer);
}
