/* A place from which nothing else can be written, for a program that unpacks what strangers made. */
#pragma once

#include <stdbool.h>

/*
 * Moves the calling process into a mount namespace of its own where everything is read-only but the directory dir, which becomes its
 * working directory (nosuid, nodev, noexec), and where no symbolic link below dir is followed unless links says so (nosymfollow); into a
 * network namespace without a network; and takes away all capabilities that unpacking does not need, those of the next exec too. 0 or
 * -errno, *ret_what says what failed.
 */
int confine_to(const char *dir, bool links, const char **ret_what);
