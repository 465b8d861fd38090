#include "mount-flags.h"

#include "mount-api.h"
#include "tap.h"

#include <string.h>

int main(void)
{
	static const enum mount_attr SAFE[] = { MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC };
	static const enum mount_attr ATIME[] = { MOUNT_ATTR_NOATIME }, RELATIME[] = { MOUNT_ATTR_RELATIME };
	static const enum mount_attr SUPER[] = { MOUNT_ATTR_SB_RDONLY, MOUNT_ATTR_SYNC };
	bool recursive;

	ok(mount_attr_bits(SAFE, 4) == 0xf, "ro,nosuid,nodev,noexec");
	ok(mount_attr_bits(SUPER, 2) == 0 && strcmp(mount_attr_superblock_key(MOUNT_ATTR_SB_RDONLY), "ro") == 0, "superblock flags apart");
	ok(!mount_attr_superblock_key(MOUNT_ATTR_RDONLY), "ro of a mount is none of the superblock");
	ok(mount_attr_bits(NULL, 0) == 0 && mount_attr_atime(NULL, 0) == 0, "nothing is nothing");
	ok(mount_attr_clear(SAFE, 4) == (MNT_NODIRATIME | MNT_NOSYMFOLLOW), "remount clears what is not named");
	ok((mount_attr_clear(NULL, 0) & (MNT_RDONLY | MNT_ATIME_MASK)) == MNT_RDONLY, "remount without flags is read-write, atime stays");
	ok(mount_attr_bits(ATIME, 1) == MNT_NOATIME && mount_attr_atime(ATIME, 1) == MNT_ATIME_MASK, "noatime clears the mode first");
	ok(mount_attr_bits(RELATIME, 1) == 0 && mount_attr_atime(RELATIME, 1) == MNT_ATIME_MASK, "so does relatime, which is 0");
	ok(mount_propagation_bits(PROPAGATION_RSLAVE, &recursive) == MNT_SLAVE && recursive, "rslave");
	ok(mount_propagation_bits(PROPAGATION_SHARED, &recursive) == MNT_SHARED && !recursive, "shared");
	ok(mount_propagation_bits(PROPAGATION_RUNBINDABLE, &recursive) == MNT_UNBINDABLE && recursive, "runbindable");
	for (int i = 0; i < _PROPAGATION_MAX; i++) {
		const char *name = propagation_to_string((enum propagation)i);
		bool r_form = name[0] == 'r';
		ok(mount_propagation_bits((enum propagation)i, &recursive) != 0 && recursive == r_form, "%s is mapped", name);
	}
	return tap_done();
}
