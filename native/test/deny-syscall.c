/*
 * deny-syscall NAME=ERRNO… -- PROGRAM ARGUMENT…: runs PROGRAM on a kernel that lacks (or refuses) some system calls, as seen by it
 * and all that it starts. For the tests of what happens then.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int deny(scmp_filter_ctx ctx, char *text)
{
	char *equals = strchr(text, '=');
	int number;

	if (!equals)
		return -EINVAL;
	*equals = '\0';
	number = seccomp_syscall_resolve_name(text);
	if (number == __NR_SCMP_ERROR)
		return -ENOSYS;
	return seccomp_rule_add_exact(ctx, SCMP_ACT_ERRNO((uint16_t)atoi(equals + 1)), number, 0);
}

int main(int argc, char **argv)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int i, r = ctx ? 0 : -ENOMEM;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0 && r == 0; i++)
		r = deny(ctx, argv[i]);
	if (r == 0 && i + 1 < argc)
		r = seccomp_load(ctx);
	else if (r == 0)
		r = -EINVAL;
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", argv[0], strerror(-r));
		return 125;
	}
	execvp(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return 127;
}
