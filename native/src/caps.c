#include "caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int caps_mask(char *const names[], size_t n, uint64_t *ret_mask, const char **ret_unknown)
{
	*ret_mask = 0;
	for (size_t i = 0; i < n; i++) {
		char full[64];
		cap_value_t value;

		snprintf(full, sizeof(full), "cap_%s", names[i]);
		if (cap_from_name(full, &value) < 0) {
			*ret_unknown = names[i];
			return -EINVAL;
		}
		*ret_mask |= UINT64_C(1) << value;
	}
	return 0;
}

int caps_give_up(uint64_t keep)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective &= data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int caps_clear_inherited(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || syscall(SYS_capget, &header, data) < 0)
		return -errno;
	data[0].inheritable = data[1].inheritable = 0;
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int caps_limit(uint64_t mask)
{
	for (int cap = 0; cap < 64; cap++) {
		if (mask >> cap & 1 || prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL) /* beyond the last capability of the kernel */
			break;
		return -errno;
	}
	return caps_clear_inherited();
}
