/* Options of `fault`, and the process that waits for the command while another traces. */
#include "fault.h"
#include "tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_USAGE = 125 };

static const char usage[] =
	"usage: fault [OPTION…] -- COMMAND [ARGUMENT…]\n"
	"  --list FILE          one JSON line for each numbered call, one for its result\n"
	"  --below DIR          number only calls on DIR, below it, or on its file system (several)\n"
	"  --only-comm GLOB     … of processes with such a name or first argument (several)\n"
	"  --except-comm GLOB   … not of such processes and their descendants, which are never killed either (several)\n"
	"  --key CALL:GLOB      … only this call on such a path\n"
	"  --kill N             SIGKILL the whole tree before call N (none there: the command runs to its end)\n"
	"  --kill-after N       … right after call N\n"
	"  --kill-root N        … only the command itself; its children go on\n"
	"  --fail N:ERRNO       call N fails without being executed\n"
	"  --fail-from N:ERRNO  so does every call from N on that needs room on the disk\n"
	"  --at N PROGRAM       run PROGRAM N CALL while everything stands still before call N (0: before each)\n"
	"  --clone IMAGE:DIR    before each call, clone IMAGE (the loop device below the first DIR of --below) as DIR/N if it changed\n"
	"  --commit FILE        … after changing and syncing FILE on that file system, so that all names are committed\n"
	"Ends as the command does, 128 + N by signal N. Daemons that are excepted are traced in the background until they end.\n";

static int fail_usage(const char *why)
{
	fprintf(stderr, "fault: %s\n%s", why, usage);
	return EXIT_USAGE;
}

static bool parse_number(const char *text, char stop, long *n, const char **rest)
{
	char *end;

	*n = strtol(text, &end, 10);
	if (end == text || *end != stop)
		return false;
	*rest = stop ? end + 1 : end;
	return true;
}

static int parse_error(const char *name)
{
	for (int i = 1; i < 134; i++)
		if (strerrorname_np(i) && strcmp(strerrorname_np(i), name) == 0)
			return i;
	return 0;
}

static bool add_below(struct options *o, const char *dir)
{
	struct stat st;

	if (o->below_count == MAX_PREFIXES || stat(dir, &st) < 0)
		return false;
	o->below_dev[o->below_count] = st.st_dev;
	o->below[o->below_count++] = dir;
	return true;
}

static bool add_pattern(const char **list, int *count, const char *pattern)
{
	if (*count == MAX_PATTERNS)
		return false;
	list[(*count)++] = pattern;
	return true;
}

/* TEXT up to the first colon, and the rest. */
static bool split(char *text, const char **left, const char **right)
{
	char *colon = strchr(text, ':');

	if (!colon)
		return false;
	*colon = '\0';
	*left = text;
	*right = colon + 1;
	return true;
}

static bool parse_fault(struct options *o, int mode, const char *text)
{
	const char *rest;

	o->mode = mode;
	if (mode != FAIL && mode != FAIL_FROM)
		return parse_number(text, '\0', &o->n, &rest);
	return parse_number(text, ':', &o->n, &rest) && (o->error = parse_error(rest)) > 0;
}

enum { LIST = 'l', BELOW = 'b', ONLY = 'o', EXCEPT = 'e', KEY = 'y', AT = 'a', CLONE = 'c', COMMIT = 'm', MODE = 256 };
static const struct option long_options[] = {
	{"list", required_argument, NULL, LIST},
	{"below", required_argument, NULL, BELOW},
	{"only-comm", required_argument, NULL, ONLY},
	{"except-comm", required_argument, NULL, EXCEPT},
	{"key", required_argument, NULL, KEY},
	{"at", required_argument, NULL, AT},
	{"clone", required_argument, NULL, CLONE},
	{"commit", required_argument, NULL, COMMIT},
	{"kill", required_argument, NULL, MODE + KILL},
	{"kill-after", required_argument, NULL, MODE + KILL_AFTER},
	{"kill-root", required_argument, NULL, MODE + KILL_ROOT},
	{"fail", required_argument, NULL, MODE + FAIL},
	{"fail-from", required_argument, NULL, MODE + FAIL_FROM},
	{0},
};

static bool parse_option(struct options *o, int option, char *const argv[])
{
	const char *rest;

	switch (option) {
	case LIST:
		o->list = fopen(optarg, "we");
		return o->list != NULL;
	case BELOW:
		return add_below(o, optarg);
	case ONLY:
		return add_pattern(o->only, &o->only_count, optarg);
	case EXCEPT:
		return add_pattern(o->except, &o->except_count, optarg);
	case KEY:
		return split(optarg, &o->key_call, &o->key_path);
	case AT:
		if (!parse_number(optarg, '\0', &o->at, &rest) || !argv[optind])
			return false;
		o->at = o->at ? o->at : -1;
		o->program = argv[optind++];
		return true;
	case CLONE:
		return split(optarg, &o->image, &o->clones) && o->below_count > 0;
	case COMMIT:
		o->commit = optarg;
		return true;
	default:
		return option >= MODE && parse_fault(o, option - MODE, optarg);
	}
}

/* Traces until the command and its children are done, says how it ended, and stays with the daemons. */
static int tracer(const struct options *o, char *const argv[], int report, pid_t front)
{
	int status = -1, r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != front)
		return 1;
	r = trace_start(argv);
	if (r < 0) {
		fprintf(stderr, "fault: cannot trace: %s\n", strerror(-r));
		return 1;
	}
	/* Whoever reads the command's output must see its end. */
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	while (tasks_at_work() && trace_step(o, &status) > 0)
		;
	prctl(PR_SET_PDEATHSIG, 0);
	(void)!write(report, &status, sizeof(status));
	close(report);
	while (tasks_first() && trace_step(o, &status) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = {0};
	int pipefd[2], option, status;
	pid_t front = getpid(), pid;

	while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1)
		if (option == '?' || !parse_option(&o, option, argv))
			return fail_usage(option == '?' ? "see" : "a bad or impossible value");
	if (!argv[optind])
		return fail_usage("no command");
	if (pipe2(pipefd, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		perror("fault");
		return EXIT_USAGE;
	}
	if (pid == 0) {
		close(pipefd[0]);
		_exit(tracer(&o, argv + optind, pipefd[1], front));
	}
	close(pipefd[1]);
	if (read(pipefd[0], &status, sizeof(status)) != sizeof(status))
		return EXIT_USAGE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
