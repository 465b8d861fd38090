/* Copies the upper of a running container: argv[1] is a LivesnapRequest, a LivesnapReport goes to stdout or to --report-fd. */
#include "cleanup.h"
#include "fd.h"
#include "live.h"
#include "protocol.gen.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

enum { MOST_THREADS = 64 };

static int answer(int fd, struct livesnap_report *report, int r)
{
	cleanup_json json_t *json = NULL;
	cleanup_free char *text = NULL;

	report->ok = r == 0;
	if (r < 0)
		report->errno_ = (struct opt_uint){ .set = true, .value = (uint64_t)-r };
	json = livesnap_report_encode(report);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (!text || fd_write_all(fd, text, strlen(text)) < 0 || fd_write_all(fd, "\n", 1) < 0)
		return 1;
	return r == 0 ? 0 : 1;
}

static void fill(struct livesnap_report *report, const struct live *live, const struct live_result *result)
{
	report->delta = result->delta;
	report->full_reason = (char *)(result->delta ? NULL : live->full_reason);
	report->frozen_us = result->frozen_us;
	report->passes = result->passes;
	report->files = live->files;
	report->bytes = live->bytes;
	report->removed = live->removed;
	report->hot_files = result->hot_files;
	report->largest_hot_bytes = result->largest_hot;
	report->sync_us = result->sync_us;
	report->stage = (char *)result->stage;
}

static int snapshot(const struct livesnap_request *request, int upper, int parent, const char *name, struct livesnap_report *report)
{
	struct live_options options = {
		.base = request->base_manifest, .manifest = request->manifest, .socket = request->socket, .cgroup = request->cgroup, .lease_ms = request->lease_ms,
		.memory_budget = request->memory_budget, .passes = request->passes,
	};
	struct live_result result = {};
	struct live *live = tree_alloc(1, sizeof(*live));
	struct tree_dir *out;
	int fd, r;

	if (mkdirat(parent, name, 0700) < 0)
		return tree_fail("mkdirat", request->out);
	fd = tree_open_dir(parent, name);
	if (fd < 0)
		return fd;
	out = tree_dir_new(NULL, name, fd, 0);
	live_init(live, upper, request->threads > MOST_THREADS ? MOST_THREADS : (unsigned)request->threads);
	r = live_run(live, &options, out, &result);
	fill(report, live, &result);
	if (r < 0) {
		struct tree_trouble cause = tree_trouble;

		(void)tree_remove(parent, name);
		tree_trouble = cause;
	}
	return r;
}

static int run(const struct livesnap_request *request, struct livesnap_report *report)
{
	cleanup_free char *above = tree_strdup(request->out), *last = tree_strdup(request->out);
	int upper = open(request->upper, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_fd int parent = -1;

	if (upper < 0)
		return tree_fail("open", request->upper);
	parent = open(dirname(above), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return tree_fail("open", above);
	tree_dirs_setup(0);
	return snapshot(request, upper, parent, basename(last), report);
}

int main(int argc, char **argv)
{
	struct livesnap_request request = {};
	struct livesnap_report report = { .stage = (char *)"prepare" };
	struct proto_error wrong = { .reason = "no JSON" };
	cleanup_json json_t *json = argc == 2 || argc == 4 ? json_loads(argv[1], JSON_REJECT_DUPLICATES, NULL) : NULL;
	int fd = argc == 4 && strcmp(argv[2], "--report-fd") == 0 ? atoi(argv[3]) : STDOUT_FILENO;
	int r = json ? livesnap_request_decode(json, &request, &wrong) : -EINVAL;

	/* Nobody collects what is written on after the command that had claimed it was killed. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);

	/* What it remembers grows with the number of files and their attributes, and a container can make many: before anything else of the host. */
	(void)fd_write_file(AT_FDCWD, "/proc/self/oom_score_adj", "1000");

	umask(0);
	if (r == 0 && request.version != PROTOCOL_VERSION)
		r = -EPROTO;
	if (r < 0) {
		report.syscall = (char *)"request";
		report.detail = wrong.reason;
		_exit(answer(fd, &report, r));
	}
	r = run(&request, &report);
	if (r < 0) {
		report.syscall = (char *)tree_trouble.syscall;
		report.detail = (char *)tree_cause(r);
	}
	/* Nothing is freed: the kernel takes it all back at once. */
	_exit(answer(fd, &report, r));
}
