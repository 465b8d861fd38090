/*
 * The descriptor-based mount calls. Apart, because <sys/mount.h> and protocol.gen.h both define MOUNT_ATTR_RDONLY: whoever
 * includes this header must not include <sys/mount.h>. All return 0, a descriptor or -errno; none logs.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* MOUNT_ATTR_* of mount_setattr(2), by names that do not collide. */
enum {
	MNT_RDONLY = 0x1,
	MNT_NOSUID = 0x2,
	MNT_NODEV = 0x4,
	MNT_NOEXEC = 0x8,
	MNT_ATIME_MASK = 0x70,
	MNT_NOATIME = 0x10,
	MNT_STRICTATIME = 0x20,
	MNT_NODIRATIME = 0x80,
	MNT_NOSYMFOLLOW = 0x200000,
};
/* MS_* propagation. */
enum { MNT_UNBINDABLE = 1 << 17, MNT_PRIVATE = 1 << 18, MNT_SLAVE = 1 << 19, MNT_SHARED = 1 << 20 };

int mnt_fs_open(const char *type);
/* A key without a value is a flag. */
int mnt_fs_set(int fs, const char *key, const char *value);
/* Makes the superblock and a detached mount of it. */
int mnt_fs_create(int fs, uint64_t attrs);
/* What the filesystem said about a failure, or "". */
void mnt_fs_message(int fs, char *text, size_t size);
/* The filesystem context of the mount at fd, for mnt_fs_set and mnt_fs_reconfigure. */
int mnt_fs_pick(int fd);
int mnt_fs_reconfigure(int fs);
/* Takes over such a context (or -errno, which it gives back): the superblock becomes read-only ("ro") or writable ("rw"). */
int mnt_fs_switch(int fs, const char *flag);
/* A detached bind mount of what fd is. */
int mnt_clone(int fd, bool recursive);
/* As mnt_clone, of a path of the caller's mount namespace. */
int mnt_clone_path(const char *path, bool recursive);
/* Attaches a detached mount (or moves an attached one) onto what target_fd is. */
int mnt_attach(int mount_fd, int target_fd);
/* propagation: one of the above, or 0. */
int mnt_set(int fd, bool recursive, uint64_t set, uint64_t clear, uint64_t propagation);
/* Makes the directory fd the root of the mount namespace and detaches the old one (no put_old directory needed). */
int mnt_pivot(int fd);
/* The classic calls, for what has no descriptor yet. flags: MNT_* as above. target may be a /proc/self/fd link. */
int mnt_overlay(const char *source, const char *target, uint64_t flags, const char *options);
/* NAME in the directory dir, which is no symbolic link. detach: also when it is busy (umount2(2), MNT_DETACH). */
int mnt_unmount_at(int dir, const char *name, bool detach);
/* As mnt_fs_pick and mnt_clone, of NAME in dir, which is no symbolic link. */
int mnt_fs_pick_at(int dir, const char *name);
int mnt_clone_at(int dir, const char *name);
/* Maps the ids of a detached mount (or tree of them) through the user namespace. */
int mnt_idmap(int fd, bool recursive, int userns);
/* A mount namespace of our own from which nothing gets out; in the second what the host mounts still comes in. */
int mnt_private_namespace(void);
int mnt_slave_namespace(void);
