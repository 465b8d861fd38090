/* What the new layer needs. A delta lies on the layer of the base manifest, so that it must say what changed since and nothing that
 * contradicts what lies below: where overlay attributes would have to mean something else there, a full copy is made instead. */
#include "live.h"

#include <string.h>

static void mark_whole(struct live_dir *dir)
{
	dir->base = MANIFEST_NONE;
	dir->emit = true;
	dir->opaque = dir->xattrs.opaque;
	dir->with_redirect = dir->xattrs.redirect != NULL;
}

static const char *new_directory(struct live_dir *dir, bool over_something)
{
	mark_whole(dir);
	/* It names a place in the layers below the upper; below the delta that may be another thing. */
	if (dir->with_redirect)
		return "a directory of the layers below was renamed";
	if (over_something && !dir->opaque) {
		if (dir->xattrs.origin)
			return "a directory of the layers below came back";
		dir->opaque = true;
	}
	return NULL;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_inode(const struct manifest_record *base, const struct tree_stat *stat)
{
	return base->ino == stat->ino && tree_time_compare(base->btime, stat->btime) == 0 && (base->mode & S_IFMT) == (stat->mode & S_IFMT);
}

static const char *plan_subdirectory(struct live *live, struct live_dir *dir, uint32_t i)
{
	const struct manifest_record *base = i == MANIFEST_NONE ? NULL : &live->base->records[i];
	bool was_opaque = base && (base->flags & MANIFEST_OPAQUE);

	if (!base)
		return new_directory(dir, false);
	if (!same_inode(base, &dir->stat))
		return new_directory(dir, true);
	if (was_opaque && !dir->xattrs.opaque)
		return "a directory is opaque no more";
	if (!same_text(base->redirect, dir->xattrs.redirect))
		return "a directory of the layers below was renamed";
	if (was_opaque != dir->xattrs.opaque)
		return new_directory(dir, true);
	/* It goes on: below lies what it was, with its own opaque and redirect. */
	dir->base = i;
	dir->opaque = dir->with_redirect = false;
	dir->emit = !(base->flags & MANIFEST_SETTLED) || tree_time_compare(base->ctime, dir->stat.ctime) != 0;
	return NULL;
}

static bool unchanged(const struct manifest_record *base, const struct live_entry *entry)
{
	if (entry->whiteout || (base->flags & MANIFEST_WHITEOUT))
		return entry->whiteout && (base->flags & MANIFEST_WHITEOUT);
	return (base->flags & MANIFEST_SETTLED) && base->ino == entry->ino && tree_time_compare(base->ctime, entry->ctime) == 0 &&
	       same_inode(base, &entry->object->stat);
}

static void need(struct live *live, struct live_dir *dir, struct live_entry *entry)
{
	struct live_object *object = entry->object;

	entry->emit = dir->emit = true;
	if (entry->whiteout || object->needed == live->plan)
		return;
	object->needed = live->plan;
	object->dir = dir;
	object->name = entry->name;
	if (live->n_needed == live->room_needed)
		live->needed = tree_grow(live->needed, live->room_needed = live->room_needed ? live->room_needed * 2 : 256, sizeof(struct live_object *));
	live->needed[live->n_needed++] = object;
}

static void plan_object(struct live *live, struct live_dir *dir, struct live_entry *entry, uint32_t i)
{
	entry->base = i;
	entry->emit = i == MANIFEST_NONE || !unchanged(&live->base->records[i], entry);
	entry->base_settled = !entry->emit;
	if (entry->emit)
		need(live, dir, entry);
	else if (!entry->whiteout && entry->object->stat.nlink > 1)
		live_remember(&live->linked, &live->n_linked, &live->room_linked, dir, entry);
}

static const char *plan_gone(const struct live *live, struct live_dir *dir, uint32_t i)
{
	if (live->base->records[i].flags & MANIFEST_WHITEOUT)
		return "a deletion was taken back";
	dir->removed = tree_grow(dir->removed, dir->n_removed + 1, sizeof(*dir->removed));
	dir->removed[dir->n_removed++] = i;
	dir->emit = true;
	return NULL;
}

/* A subdirectory that went away between two looks, while the container runs, is no name. */
static bool present(const struct live_entry *entry)
{
	return entry->object || !entry->dir->gone;
}

static const char *plan_whole(struct live *live, struct live_dir *dir)
{
	const char *reason = NULL;

	for (size_t i = 0; i < dir->n_entries && !reason; i++) {
		struct live_entry *entry = &dir->entries[i];

		if (!present(entry))
			continue;
		if (entry->object)
			plan_object(live, dir, entry, MANIFEST_NONE);
		else if (live->base)
			reason = new_directory(entry->dir, false);
		else
			mark_whole(entry->dir);
	}
	return reason;
}

/* Both lists are sorted by name. */
static const char *plan_changes(struct live *live, struct live_dir *dir)
{
	const struct manifest_record *record = &live->base->records[dir->base];
	uint32_t at = record->first_child, end = at + record->n_children;
	const char *reason = NULL;

	for (size_t i = 0; i < dir->n_entries && !reason; i++) {
		struct live_entry *entry = &dir->entries[i];
		uint32_t base;

		if (!present(entry))
			continue;
		while (!reason && at < end && strcmp(live->base->records[at].name, entry->name) < 0)
			reason = plan_gone(live, dir, at++);
		base = at < end && strcmp(live->base->records[at].name, entry->name) == 0 ? at++ : MANIFEST_NONE;
		if (!reason && entry->object)
			plan_object(live, dir, entry, base);
		else if (!reason)
			reason = plan_subdirectory(live, entry->dir, base);
	}
	while (!reason && at < end)
		reason = plan_gone(live, dir, at++);
	return reason;
}

static const char *plan_root(struct live *live)
{
	struct live_dir *root = live->dirs[0];

	mark_whole(root);
	root->opaque = root->with_redirect = false;
	if (!live->base)
		return NULL;
	if (!same_inode(&live->base->records[0], &root->stat))
		return "the manifest is of another upper";
	root->base = 0;
	return NULL;
}

static const char *plan_all(struct live *live)
{
	const char *reason = plan_root(live);

	for (size_t i = 0; i < live->n_dirs && !reason; i++) {
		struct live_dir *dir = live->dirs[i];

		dir->n_removed = 0;
		dir->gone = dir->gone || (dir->parent && dir->parent->gone);
		if (!dir->gone)
			reason = dir->base == MANIFEST_NONE ? plan_whole(live, dir) : plan_changes(live, dir);
	}
	return reason;
}

static void emit_parents(struct live *live)
{
	for (size_t i = live->n_dirs; i-- > 1;)
		if (live->dirs[i]->emit && !live->dirs[i]->gone)
			live->dirs[i]->parent->emit = true;
}

static void begin(struct live *live)
{
	live->plan++;
	live->n_needed = live->n_linked = 0;
}

/* Nothing but some inodes is different from what the last plan was made for. */
static void amend(struct live *live)
{
	for (size_t i = 0; i < live->n_changed; i++)
		plan_object(live, live->changed[i].dir, live->changed[i].entry, live->changed[i].entry->base);
	live->n_changed = 0;
	emit_parents(live);
}

bool live_plan(struct live *live)
{
	bool was_delta = live->base;
	const char *reason;

	if (!live->replan) {
		amend(live);
		return false;
	}
	begin(live);
	reason = plan_all(live);
	if (reason) {
		live->full_reason = reason;
		live->base = NULL;
		begin(live);
		(void)plan_all(live);
	}
	/* All names of an inode are in one layer, or they would be several inodes there. */
	for (size_t i = 0; i < live->n_linked; i++)
		if (live->linked[i].entry->object->needed == live->plan)
			need(live, live->linked[i].dir, live->linked[i].entry);
	emit_parents(live);
	live->n_changed = 0;
	live->replan = false;
	return was_delta && !live->base;
}
