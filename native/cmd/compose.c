/* Merges a run of layers into one: argv[1] is a ComposeRequest, a ComposeReport goes to stdout or to --report-fd. It does not sync: what
 * it made counts only when the caller's journal says so, after a syncfs. */
#include "cleanup.h"
#include "compose.h"
#include "fd.h"
#include "path.h"
#include "protocol.gen.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

enum { MOST_THREADS = 4 };

static int answer(int fd, struct compose *compose, int r, const char *syscall, const char *detail)
{
	struct compose_report report = { .ok = r == 0, .files = compose->files, .bytes = compose->bytes, .reflinked = compose->reflinked };
	cleanup_json json_t *json = NULL;
	cleanup_free char *text = NULL;

	if (r < 0) {
		report.errno_ = (struct opt_uint){ .set = true, .value = (uint64_t)-r };
		report.syscall = (char *)syscall;
		report.detail = (char *)detail;
	}
	json = compose_report_encode(&report);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (!text || fd_write_all(fd, text, strlen(text)) < 0 || fd_write_all(fd, "\n", 1) < 0)
		return 1;
	return r == 0 ? 0 : 1;
}

static unsigned cpus(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n < 1 ? 1 : n > MOST_THREADS ? MOST_THREADS : (unsigned)n;
}

static int open_roots(struct compose *compose, int pool, const struct compose_request *request)
{
	compose->roots = tree_alloc(request->n_layers, sizeof(*compose->roots));
	for (; compose->n_roots < request->n_layers; compose->n_roots++) {
		const char *name = request->layers[compose->n_roots];
		int fd = path_open_in(pool, name, O_PATH | O_DIRECTORY);

		if (fd < 0) {
			errno = -fd;
			return tree_fail("openat2", name);
		}
		compose->roots[compose->n_roots] = tree_dir_new(NULL, name, fd, 0);
	}
	return 0;
}

/* Whatever fails once the directory was made takes it away again. */
static int build(struct compose *compose, int pool, const struct compose_request *request)
{
	struct tree_dir *out;
	int fd, r;

	if (mkdirat(pool, request->out, 0700) < 0)
		return tree_fail("mkdirat", request->out);
	fd = tree_open_dir(pool, request->out);
	if (fd < 0)
		return fd;
	out = tree_dir_new(NULL, request->out, fd, 0);
	r = compose_run(compose, out, cpus());
	if (r < 0) {
		(void)tree_remove(pool, request->out);
		tree_trouble = compose->trouble;
	}
	return r;
}

static int run(struct compose *compose, const struct compose_request *request)
{
	cleanup_fd int pool = open(request->pool, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (pool < 0)
		return tree_fail("open", request->pool);
	if (request->n_layers == 0 || strchr(request->out, '/') || *request->out == '\0' || *request->out == '.') {
		errno = EINVAL;
		return tree_fail("request", request->out);
	}
	compose->keep = request->keep_whiteouts;
	compose->reflink = request->reflink;
	tree_dirs_setup(0);
	r = open_roots(compose, pool, request);
	return r < 0 ? r : build(compose, pool, request);
}

int main(int argc, char **argv)
{
	struct compose *compose = tree_alloc(1, sizeof(*compose));
	cleanup_json json_t *json = NULL;
	struct compose_request request = {};
	struct proto_error wrong = { .reason = "no JSON" };
	int fd = STDOUT_FILENO, r;

	/* Nobody collects what is written on after the command that had claimed it was killed. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);

	if (argc == 4 && strcmp(argv[2], "--report-fd") == 0)
		fd = atoi(argv[3]);
	umask(0);
	json = argc == 2 || argc == 4 ? json_loads(argv[1], JSON_REJECT_DUPLICATES, NULL) : NULL;
	r = json ? compose_request_decode(json, &request, &wrong) : -EINVAL;
	if (r == 0 && request.version != PROTOCOL_VERSION)
		r = -EPROTO;
	if (r < 0)
		_exit(answer(fd, compose, r, "request", wrong.reason));
	r = run(compose, &request);
	/* Nothing is freed: the kernel takes it all back at once. */
	_exit(answer(fd, compose, r, tree_trouble.syscall, r < 0 ? tree_cause(r) : NULL));
}
