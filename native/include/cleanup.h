/* Resources that free themselves at the end of a scope, and the visible hand-over of ownership. */
#pragma once
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_free_ptr(void *ptr)
{
	free(*(void **)ptr);
}

static inline void cleanup_json_ref(json_t **json)
{
	json_decref(*json);
}

static inline void cleanup_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define cleanup_fd __attribute__((cleanup(cleanup_close_fd)))
#define cleanup_free __attribute__((cleanup(cleanup_free_ptr)))
#define cleanup_json __attribute__((cleanup(cleanup_json_ref)))
#define cleanup_file __attribute__((cleanup(cleanup_fclose)))
#define cleanup_dir __attribute__((cleanup(cleanup_closedir)))

/* Gives up ownership: the variable is left empty, its cleanup does nothing. */
static inline int steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define steal_ptr(ptr) \
	({ \
		typeof(*(ptr)) taken_ = *(ptr); \
		*(ptr) = NULL; \
		taken_; \
	})
