#include "spawn.h"

#include "proc.h"

#include <errno.h>

enum { MAX_MAP_TEXT = 4096 };

uint32_t idmap_root(const struct id_map *map, size_t n, enum id_kind kind)
{
	for (size_t i = 0; i < n; i++)
		if (map[i].kind == kind && map[i].ns == 0 && map[i].range > 0)
			return (uint32_t)map[i].host;
	return (uint32_t)-1;
}

static int write_kind(const struct id_map *map, size_t n, pid_t pid, enum id_kind kind, const char *file, struct failure *failure)
{
	char text[MAX_MAP_TEXT] = "";
	size_t used = 0;
	int r;

	/* one write for the whole map: the kernel takes no second (user_namespaces(7)) */
	for (size_t i = 0; i < n; i++) {
		if (map[i].kind != kind)
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%llu %llu %llu\n", (unsigned long long)map[i].ns,
					 (unsigned long long)map[i].host, (unsigned long long)map[i].range);
		if (used >= sizeof(text))
			return failure_note(failure, -E2BIG, "idmap", NULL, NULL, "write %s", file);
	}
	if (!used)
		return 0;
	r = proc_write(pid, file, text);
	return r < 0 ? failure_note(failure, r, "idmap", "write", text, "write %s", file) : 0;
}

int idmap_write(const struct id_map *map, size_t n, pid_t pid, struct failure *failure)
{
	int r = write_kind(map, n, pid, ID_KIND_UID, "uid_map", failure);

	/* setgroups stays allowed: the monitor is privileged, and the container's own root needs it */
	return r < 0 ? r : write_kind(map, n, pid, ID_KIND_GID, "gid_map", failure);
}
