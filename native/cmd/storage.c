/* The storage program: runs the steps of argv[1] (a StorageRequest) in order, and says in one line of JSON how it went. */
#include "storage.h"

#include "cleanup.h"
#include "fd.h"

#include <errno.h>
#include <string.h>

enum { EXIT_USAGE = 100 };

static const char usage[] = "usage: storage REQUEST [--report-fd N]\n";

static int write_report(int fd, struct storage_report *report)
{
	cleanup_json json_t *json = storage_report_encode(report);
	cleanup_free char *text = json ? json_dumps(json, JSON_COMPACT) : NULL, *line = NULL;

	if (!text || asprintf(&line, "%s\n", text) < 0)
		return -ENOMEM;
	return fd_write_all(fd, line, strlen(line));
}

static int run(const struct storage_request *request, struct storage_report *report)
{
	report->outcomes = calloc(request->n_steps + 1, sizeof(char *));
	if (!report->outcomes)
		return -ENOMEM;
	for (size_t i = 0; i < request->n_steps; i++) {
		const char *outcome;
		int r = storage_step_run(&request->steps[i], &outcome, report);

		if (r < 0) {
			report->step = (struct opt_uint){.set = true, .value = i};
			return r;
		}
		report->outcomes[i] = strdup(outcome);
		if (!report->outcomes[i])
			return -ENOMEM;
		report->n_outcomes = i + 1;
	}
	return 0;
}

static int decode_and_run(const char *text, struct storage_report *report)
{
	json_error_t where;
	cleanup_json json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &where);
	struct storage_request request = {};
	struct proto_error err = {};
	int r;

	if (!json)
		return storage_note(report, -EINVAL, NULL, "request: %s", where.text);
	if (storage_request_decode(json, &request, &err) < 0)
		return storage_note(report, -EINVAL, NULL, "request: %s: %s", err.path, err.reason);
	r = request.version == PROTOCOL_VERSION ? run(&request, report) : storage_note(report, -EPROTO, NULL, "request: made for another version of tlxc");
	storage_request_clear(&request);
	return r;
}

int main(int argc, char **argv)
{
	struct storage_report report = {};
	int fd = STDOUT_FILENO, r;

	if (argc == 4 && strcmp(argv[2], "--report-fd") == 0)
		fd = atoi(argv[3]);
	else if (argc != 2) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	r = decode_and_run(argv[1], &report);
	report.ok = r == 0;
	if (r < 0)
		storage_note(&report, r, NULL, "out of memory");
	if (write_report(fd, &report) < 0)
		r = -EIO;
	storage_report_clear(&report);
	return r == 0 ? 0 : 1;
}
