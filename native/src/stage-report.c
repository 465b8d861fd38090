/* What the stage tells the monitor: the kinds of packets in src/protocol/README.md. */
#include "stage.h"

#include "cleanup.h"
#include "fd.h"

#include <errno.h>
#include <string.h>

enum { MOUNTS_A_PACKET = 64, MASTERS_A_PACKET = 64 };

int stage_fail(struct stage *stage, int r, const char *code, const char *syscall, const char *detail, ...)
{
	struct stage_failure *failure = &stage->failure;
	va_list args;

	va_start(args, detail);
	vsnprintf(failure->detail, sizeof(failure->detail), detail, args);
	va_end(args);
	failure->code = code;
	failure->syscall = syscall;
	failure->error = -r;
	return r;
}

void stage_doing(struct stage *stage, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(stage->failure.stage, sizeof(stage->failure.stage), format, args);
	va_end(args);
}

void stage_warn(const char *format, ...)
{
	char text[2048] = "WWARN ";
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, sizeof(text) - used, format, args);
	va_end(args);
	fd_send(STAGE_SOCKET, text, strlen(text), NULL, 0);
}

void stage_send_failure(const struct stage *stage)
{
	const struct stage_failure *failure = &stage->failure;
	struct report report = {
		.code = (char *)(failure->code ? failure->code : "internal"),
		.stage = (char *)failure->stage,
		.syscall = (char *)failure->syscall,
		.errno_ = { .set = failure->error > 0, .value = (uint64_t)failure->error },
		.detail = (char *)failure->detail,
	};
	cleanup_json json_t *json = report_encode(&report);
	/* a control character takes six bytes of JSON */
	char text[16384] = "F";
	size_t size = json ? json_dumpb(json, text + 1, sizeof(text) - 1, JSON_COMPACT) : 0;

	fd_send(STAGE_SOCKET, text, 1 + (size < sizeof(text) ? size : 0), NULL, 0);
}

int stage_load(struct stage *stage)
{
	cleanup_free char *text = NULL;
	cleanup_json json_t *json = NULL;
	struct proto_error wrong;
	size_t size;
	int r;

	stage_doing(stage, "read the plan");
	r = fd_read_all(STAGE_PLAN, MAX_PLAN, &text, &size);
	if (r < 0)
		return stage_fail(stage, r, "plan", "read", "the plan");
	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	r = plan_decode(json, &stage->plan, &wrong);
	if (r < 0)
		return stage_fail(stage, r, "plan", NULL, "%s: %s", wrong.path, wrong.reason);
	if (stage->plan.version != PROTOCOL_VERSION)
		return stage_fail(stage, -EPROTO, "plan", NULL, "version %ju", (uintmax_t)stage->plan.version);
	stage->user_namespace = stage->plan.n_idmap > 0;
	return 0;
}

static size_t count_host_mounts(const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_mounts; i++)
		n += plan->mounts[i].from == MOUNT_FROM_HOST && !plan->mounts[i].remount;
	return n;
}

int stage_receive_mounts(struct stage *stage)
{
	bool rootfs = stage->plan.rootfs.path != NULL;
	size_t expected = count_host_mounts(&stage->plan) + rootfs, got = 0;
	cleanup_free int *fds = calloc(expected + MOUNTS_A_PACKET, sizeof(*fds));
	unsigned char packet[2];

	stage_doing(stage, "receive the mounts");
	if (!fds)
		return stage_fail(stage, -ENOMEM, "internal", NULL, "mounts");
	do {
		size_t n = MOUNTS_A_PACKET;
		ssize_t size = fd_receive(STAGE_SOCKET, packet, sizeof(packet), fds + got, &n);
		if (size != sizeof(packet) || packet[0] != 'M' || got + n > expected)
			return stage_fail(stage, size < 0 ? (int)size : -EPROTO, "aborted", "recvmsg", "the monitor's mounts");
		got += n;
	} while (packet[1]);
	if (got != expected)
		return stage_fail(stage, -EPROTO, "aborted", NULL, "%zu mounts of %zu", got, expected);
	stage->rootfs = rootfs ? fds[0] : -1;
	stage->n_host_mounts = got - rootfs;
	memmove(fds, fds + rootfs, stage->n_host_mounts * sizeof(*fds));
	stage->host_mounts = steal_ptr(&fds);
	return 0;
}

int stage_hand_over_ttys(struct stage *stage)
{
	bool console = stage->plan.console.enabled;
	char text[64], word;
	size_t sent = 0;
	ssize_t size;
	int r;

	stage_doing(stage, "hand over the ttys");
	for (; stage->n_masters - sent > MASTERS_A_PACKET; sent += MASTERS_A_PACKET) {
		r = fd_send(STAGE_SOCKET, "t", 1, stage->masters + sent, MASTERS_A_PACKET);
		if (r < 0)
			return stage_fail(stage, r, "console", "sendmsg", "%zu ttys", stage->n_masters);
	}
	snprintf(text, sizeof(text), "T{\"ttys\":%zu,\"console\":%s}", stage->n_masters - console, console ? "true" : "false");
	r = fd_send(STAGE_SOCKET, text, strlen(text), stage->masters + sent, stage->n_masters - sent);
	if (r < 0)
		return stage_fail(stage, r, "console", "sendmsg", "%zu ttys", stage->n_masters);
	for (size_t i = 0; i < stage->n_masters; i++)
		close(stage->masters[i]);
	size = fd_receive(STAGE_SOCKET, &word, 1, NULL, NULL);
	if (size != 1 || word != 'S')
		return stage_fail(stage, size < 0 ? (int)size : -ECONNRESET, "aborted", "recvmsg", "the monitor's word to start");
	return 0;
}
