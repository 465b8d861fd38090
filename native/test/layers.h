/* What the tests of livesnap and compose share: a pool below /var/tmp with real overlay mounts, and calls of the programs. */
#pragma once
#include "tap.h"

#include "layers-compare.h"
#include "layers-random.h"

#include <jansson.h>
#include <libgen.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* protocol.gen.h and <sys/mount.h> both have a mount_attr. */
enum { PROTOCOL_VERSION = 1, MAX_STACK = 16 };

static char programs[PATH_MAX], pool[] = "/var/tmp/test-layers.XXXXXX";

struct stack {
	char names[MAX_STACK][8];
	int n;
};

static char *format(const char *text, ...) __attribute__((format(printf, 1, 2)));
static char *format(const char *text, ...)
{
	static char ring[8][8192];
	static int at;
	va_list args;

	at = (at + 1) % 8;
	va_start(args, text);
	vsnprintf(ring[at], sizeof(ring[at]), text, args);
	va_end(args);
	return ring[at];
}

static inline char *live_request(const char *upper, const char *name)
{
	return format("{\"version\":%d,\"upper\":\"%s/%s\",\"out\":\"%s/%s\",\"manifest\":\"%s/%s.files\",\"lease_ms\":0,\"memory_budget\":1000000,\"threads\":2,"
		      "\"passes\":3}", PROTOCOL_VERSION, pool, upper, pool, name, pool, name);
}

static inline char *compose_request(const char *in, const char *layer, const char *name)
{
	return format("{\"version\":%d,\"pool\":\"%s\",\"layers\":[\"%s\"],\"keep_whiteouts\":true,\"out\":\"%s\",\"reflink\":false}", PROTOCOL_VERSION, in, layer, name);
}

/* Descriptors that a program may have; 0: as many as we. */
static rlim_t run_files;

/* The report as JSON; NULL when the program failed. */
static json_t *run(const char *program, const char *request)
{
	char answer[8192] = "", *argv[] = { format("%s/%s", programs, program), (char *)request, NULL };
	int pipes[2], status = -1;
	size_t got = 0;
	ssize_t n;
	pid_t pid;
	json_t *json;

	if (pipe(pipes) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		dup2(pipes[1], 1);
		if (run_files > 0)
			setrlimit(RLIMIT_NOFILE, &(struct rlimit){ run_files, run_files });
		execv(argv[0], argv);
		_exit(127);
	}
	close(pipes[1]);
	while ((n = read(pipes[0], answer + got, sizeof(answer) - 1 - got)) > 0)
		got += (size_t)n;
	close(pipes[0]);
	waitpid(pid, &status, 0);
	json = json_loads(answer, 0, NULL);
	if (status == 0 && json_is_true(json_object_get(json, "ok")))
		return json;
	printf("# %s %s\n# status %x: %s\n", program, request, status, answer);
	json_decref(json);
	return NULL;
}

static inline bool mount_stack(const struct stack *stack, const char *upper, const char *target)
{
	char options[1024] = "redirect_dir=on,index=off,metacopy=off,lowerdir=";

	for (int i = 0; i < stack->n; i++)
		strcat(strcat(options, i ? ":" : ""), stack->names[i]);
	if (upper)
		snprintf(options + strlen(options), 100, ",upperdir=%s/up,workdir=%s/wk", upper, upper);
	else
		strcat(options, ":empty");
	mkdir(target, 0755);
	if (mount("test-layers", target, "overlay", 0, options) == 0)
		return true;
	printf("# mount %s: %s\n", options, strerror(errno));
	return false;
}

static inline void make_upper(const char *name)
{
	mkdir(name, 0755);
	mkdir(format("%s/up", name), 0755);
	mkdir(format("%s/wk", name), 0755);
}

static inline void change(const char *path, int changes, bool overlay)
{
	int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < changes; i++)
		random_change(root, overlay);
	close(root);
}

static bool run_shell(const char *command)
{
	int status = -1;

	fflush(stdout);
	if (fork() == 0)
		execlp("sh", "sh", "-c", command, NULL);
	wait(&status);
	return status == 0;
}

static void clear_pool(void)
{
	umount2("live", MNT_DETACH);
	umount2("view", MNT_DETACH);
	(void)run_shell("rm -rf -- ./*");
	mkdir("empty", 0755);
}

/* A pool of one's own in a mount namespace of one's own; false: that is not possible. */
static bool enter_pool(char *argv0)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!realpath(dirname(argv0), programs))
		abort();
	umask(0);
	if (geteuid() == 0 && mkdtemp(pool) && chdir(pool) == 0 && unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		return true;
	skip("needs root");
	return false;
}

static int leave_pool(void)
{
	clear_pool();
	rmdir("empty");
	rmdir(pool);
	return tap_done();
}
