/* Paths below a root that somebody else controls: resolved by the kernel inside it, symbolic and magic links refused. */
#pragma once
#include <stdint.h>

enum path_kind { PATH_DIR, PATH_FILE };

/* Opens path below root; ELOOP for any symbolic link, .. stays inside root. flags as open(2). A descriptor or -errno. */
int path_open_in(int root, const char *path, uint64_t flags);
/* As path_open_in(O_PATH), but makes what is missing: directories 0755, the last component as kind says. Refuses .. (-EXDEV). */
int path_make_in(int root, const char *path, enum path_kind kind);
