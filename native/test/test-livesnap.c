/* Snapshots of what is being written to: the writer is stopped between the answer to "freeze" and the end of the connection, as the
 * monitor does it, and stays stopped while snapshot and live view are compared. argv[1]: rounds, argv[2]: first seed. */
#include "layers.h"
#include "slow-write.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { SNAPSHOTS = 5 };
enum lease { KEPT, TAKEN_AWAY, CUT, REFUSED };

static pid_t writer;
static int listener = -1, hot;
static struct slow_write slow;
/* Of the last freeze; as JSON, for the next. */
static long oom_score;
static const char *cgroup = "null";

static void start_writer(void)
{
	uint64_t seed = random_state;

	fflush(stdout);
	writer = fork();
	if (writer == 0) {
		int root = open("live", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		for (random_state = seed * 3 + 1;; )
			random_change(root, true);
	}
}

static void stop_writer(void)
{
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
}

static void listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 1) < 0)
		abort();
}

static size_t add_frame(char *packet, size_t at, const char *text)
{
	memcpy(packet + at, (unsigned char[]){ (unsigned char)strlen(text), 0, 0, 0, 'J' }, 5);
	memcpy(packet + at + 5, text, strlen(text));
	return at + 5 + strlen(text);
}

/* In one write, so that what ends the lease is there before anything else can happen. */
static void say(int sock, const char *text, const char *more)
{
	char packet[512];
	size_t size = add_frame(packet, 0, text);

	if (more)
		size = add_frame(packet, size, more);
	if (write(sock, packet, size) != (ssize_t)size)
		perror("say");
}

static long oom_score_of(int sock)
{
	struct ucred peer = {};
	socklen_t size = sizeof(peer);
	char text[16] = "";
	int fd;

	getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	fd = open(format("/proc/%d/oom_score_adj", peer.pid), O_RDONLY | O_CLOEXEC);
	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	return atol(text);
}

/* The monitor's part of one freeze. */
static bool freeze_once(enum lease lease)
{
	struct pollfd coming = { .fd = listener, .events = POLLIN };
	char request[4096];
	int sock, status;

	if (poll(&coming, 1, 60000) != 1)
		return false;
	sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (read(sock, request, sizeof(request)) <= 0)
		return false;
	oom_score = oom_score_of(sock);
	if (lease == REFUSED) {
		say(sock, "{\"ok\":false,\"error\":\"failed\",\"message\":\"no freezer\",\"errno\":95}", NULL);
		close(sock);
		return true;
	}
	/* What is in the kernel comes out of it first. */
	if (slow.pid > 0)
		slow_write_end(&slow);
	kill(writer, SIGSTOP);
	waitpid(writer, &status, WUNTRACED);
	say(sock, "{\"ok\":true}", lease == TAKEN_AWAY ? "{\"ok\":false,\"error\":\"timeout\",\"message\":\"the time is up\",\"errno\":110}" : NULL);
	while (lease == KEPT && read(sock, request, sizeof(request)) > 0)
		;
	close(sock);
	return true;
}

static json_t *snapshot(const char *name, const char *base, enum lease lease, unsigned budget)
{
	char *request = format("{\"version\":%d,\"upper\":\"%s/ulive/up\",\"out\":\"%s/%s\",\"base_manifest\":%s,\"manifest\":\"%s/%s.files\",\"lease_ms\":5000,"
			       "\"memory_budget\":%u,\"threads\":2,\"passes\":%u,\"socket\":\"%s/socket\",\"cgroup\":%s}",
			       PROTOCOL_VERSION, pool, pool, name, base ? format("\"%s/%s.files\"", pool, base) : "null", pool, name, budget, 1 + pick(3), pool, cgroup);
	pid_t monitor;
	pid_t done = 0;
	json_t *report;

	/* The waiting for the program's answer is done by the child: it gives it on. */
	fflush(stdout);
	monitor = fork();
	if (monitor == 0) {
		json_t *got = run("livesnap", request);
		_exit(got && json_dump_file(got, "report", 0) == 0 ? 0 : 1);
	}
	unlink("report");
	while (freeze_once(lease)) {
		struct pollfd again = { .fd = listener, .events = POLLIN };

		/* A delta that turns out to be none freezes a second time; meanwhile it runs. */
		while (done == 0 && poll(&again, 1, 20) == 0)
			done = waitpid(monitor, NULL, WNOHANG);
		if (done == monitor)
			break;
		kill(writer, SIGCONT);
	}
	if (done != monitor)
		waitpid(monitor, NULL, 0);
	report = json_load_file("report", 0, NULL);
	if (report)
		hot += (int)json_integer_value(json_object_get(report, "hot_files"));
	return report;
}

static const char *compare_stack(const struct stack *stack)
{
	const char *difference;

	if (!mount_stack(stack, NULL, "view"))
		return "cannot be mounted";
	difference = compare_trees("live", "view", false);
	umount2("view", MNT_DETACH);
	return difference;
}

static bool prepare(struct stack *lowers)
{
	clear_pool();
	*lowers = (struct stack){ .n = 1, .names = { "base" } };
	mkdir("base", 0755);
	change("base", 120, false);
	make_upper("ulive");
	if (!mount_stack(lowers, "ulive", "live"))
		return false;
	listen_at("socket");
	return true;
}

static const char *round_trip(void)
{
	struct stack lowers, stack;
	const char *difference = NULL;

	if (!prepare(&lowers))
		return "no mount";
	stack = lowers;
	start_writer();
	for (int k = 0; k < SNAPSHOTS && !difference; k++) {
		struct stack next = {};
		json_t *report;
		bool delta;

		usleep(pick(30000));
		report = snapshot(format("s%d", k), k > 0 ? stack.names[0] : NULL, KEPT, pick(3) ? 64 << 20 : 20000);
		if (!report)
			difference = "livesnap failed";
		delta = json_is_true(json_object_get(report, "delta"));
		json_decref(report);
		snprintf(next.names[next.n++], 8, "s%u", (unsigned)k % 100);
		for (int i = 0; i < (delta ? &stack : &lowers)->n; i++)
			strcpy(next.names[next.n++], (delta ? &stack : &lowers)->names[i]);
		stack = next;
		if (!difference)
			difference = compare_stack(&stack);
		if (difference)
			difference = format("snapshot %d%s: %s", k, delta ? ", a delta" : "", difference);
		kill(writer, SIGCONT);
	}
	stop_writer();
	close(listener);
	return difference;
}

static bool nothing_left(const char *name)
{
	return access(name, F_OK) < 0 && access(format("%s.files", name), F_OK) < 0;
}

static void no_freeze_no_snapshot(void)
{
	json_t *report = NULL;
	struct stack lowers;
	bool left = false;

	if (!prepare(&lowers))
		abort();
	start_writer();
	ok(!snapshot("s1", NULL, REFUSED, 1 << 20) && nothing_left("s1"), "no freeze, no snapshot");
	ok(!snapshot("s1", NULL, TAKEN_AWAY, 1 << 20) && nothing_left("s1"), "a freeze that ended too early: no snapshot");
	kill(writer, SIGCONT);
	/* Before the close of the other side it may have finished, then there is one. */
	for (int i = 0; i < 5 && (i == 0 || report); i++) {
		json_decref(report);
		report = snapshot(format("t%d", i), NULL, CUT, 1 << 20);
		kill(writer, SIGCONT);
		left = left || (!report && !nothing_left(format("t%d", i)));
	}
	ok(!report && !left, "a monitor that died: no snapshot");
	stop_writer();
	close(listener);
	ok(!snapshot("s1", NULL, KEPT, 1 << 20) && nothing_left("s1"), "no monitor, no snapshot");
}

static bool all_new(const char *path)
{
	static char data[SLOW_SIZE + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, data, sizeof(data));

	close(fd);
	return n == SLOW_SIZE && strspn(data, "b") == SLOW_SIZE;
}

/* Its time is of when it began, and that is before the pass that copies the file in the middle of it. */
static void write_under_way(void)
{
	json_t *report;
	struct stack lowers;
	int fd;

	if (!prepare(&lowers))
		abort();
	fd = open("live/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	fill(fd, SLOW_SIZE);
	close(fd);
	if (!slow_write_start(&slow, "live/file", "live/told")) {
		skip("no userfaultfd");
		return;
	}
	usleep(50000);
	writer = slow.pid;
	report = snapshot("s1", NULL, KEPT, 1 << 20);
	ok(report && access("s1/told", F_OK) == 0 && all_new("s1/file"), "a write that was under way and ended before the freeze is there");
	json_decref(report);
	stop_writer();
	slow.pid = 0;
	close(listener);
}

static long long hot_files(const char *name)
{
	json_t *report = snapshot(name, NULL, KEPT, 1 << 20);
	long long n = report ? json_integer_value(json_object_get(report, "hot_files")) : -1;

	json_decref(report);
	return n;
}

/* What is handed to a disk shows in no time when it arrives: what changed lately is copied under freeze, too. */
static void around_the_cache(void)
{
	struct stack lowers;
	long long without, with;
	FILE *pids;
	int fd;

	if (!prepare(&lowers))
		abort();
	fd = open("live/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	fill(fd, 8192);
	close(fd);
	fflush(stdout);
	writer = fork();
	if (writer == 0) {
		fd = open("live/file", O_RDWR | O_DIRECT | O_CLOEXEC);
		for (;;)
			pause();
	}
	mkdir("cg", 0755);
	mkdir("cg/service", 0755);
	pids = fopen("cg/service/cgroup.procs", "w");
	fprintf(pids, "1\n%d\n", writer);
	fclose(pids);
	usleep(200000);
	without = hot_files("s1");
	kill(writer, SIGCONT);
	cgroup = format("\"%s/cg\"", pool);
	with = hot_files("s2");
	cgroup = "null";
	ok(without == 0 && with == 1, "somebody writes around the cache: %lld hot files become %lld", without, with);
	ok(oom_score == 1000, "it goes first when memory runs out");
	stop_writer();
	close(listener);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 8, seed = argc > 2 ? atoi(argv[2]) : 1;

	signal(SIGPIPE, SIG_IGN);
	if (!enter_pool(argv[0]))
		return tap_done();
	for (int i = 0; i < rounds; i++) {
		const char *difference;

		random_state = (uint64_t)(seed + i) * 0x9e3779b97f4a7c15U + 1;
		difference = round_trip();
		ok(!difference, "seed %d%s%s", seed + i, difference ? ": " : "", difference ? difference : "");
	}
	ok(rounds < 5 || hot > 0, "%d files were hot", hot);
	no_freeze_no_snapshot();
	write_under_way();
	around_the_cache();
	return leave_pool();
}
