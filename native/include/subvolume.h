/* Subvolumes of btrfs. Apart from the rest of storage, because <linux/btrfs.h> and protocol.gen.h define the same names. */
#pragma once

/* What failed, and on what. */
struct subvolume_failure {
	const char *call;
	char where[512];
};

/*
 * A writable snapshot of the subvolume from, called name in the directory parent, with one of each subvolume that is in it, at its place and
 * with its read-only flag. Each is of one moment, not all of the same. from may belong to a running container. 0 or -errno; a failure may
 * leave a part of it.
 */
int subvolume_copy(int from, int parent, const char *name, struct subvolume_failure *failure);
