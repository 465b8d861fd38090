/* Clocks and times that a running snapshot cannot rely on. */
#include "layers.h"
#include "live.h"

#include <sys/syscall.h>
#include <time.h>

/* Of the clock that files get their times from, in seconds: as if somebody had set it. */
static time_t set_by;
static int readings_until_set = -1;

int clock_gettime(clockid_t which, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, which, ret);

	if (which != CLOCK_REALTIME_COARSE)
		return r;
	if (readings_until_set >= 0 && readings_until_set-- == 0)
		set_by = -3600;
	ret->tv_sec += set_by;
	return r;
}

static int run_live(const char *name)
{
	struct live_options options = { .manifest = format("%s/%s.files", pool, name), .memory_budget = 1 << 20, .passes = 1 };
	struct live_result result = {};
	struct live live;
	int r;

	mkdir(name, 0700);
	live_init(&live, open("up", O_PATH | O_DIRECTORY | O_CLOEXEC), 1);
	r = live_run(&live, &options, tree_dir_new(NULL, name, open(name, O_PATH | O_DIRECTORY | O_CLOEXEC), 0), &result);
	if (r < 0)
		printf("# %s: %s\n", name, tree_cause(r));
	return r;
}

/* In a process of its own, as it frees nothing. Gives 0 or the errno. */
static int copy_upper(const char *name)
{
	int status = -1;

	fflush(stdout);
	if (fork() == 0) {
		int r = run_live(name);

		fflush(stdout);
		_exit(-r);
	}
	wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_clock(void)
{
	clear_pool();
	mkdir("up", 0755);
	close(open("up/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	ok(copy_upper("s1") == 0, "the clock goes on: a snapshot");
	/* The first reading is the pass's. */
	readings_until_set = 1;
	ok(copy_upper("s2") == EAGAIN && access("s2.files", F_OK) < 0, "the clock is set back meanwhile: none");
	readings_until_set = 0;
	ok(copy_upper("s3") == 0, "it was set back before: a snapshot");
	readings_until_set = -1;
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	bool good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	return close(fd) == 0 && good;
}

static bool has_text(const char *path, const char *text)
{
	char found[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, found, sizeof(found) - 1);

	close(fd);
	return n >= 0 && strcmp(found, text) == 0;
}

static json_t *snapshot_seconds(const char *name, const char *base)
{
	return run("livesnap", format("{\"version\":%d,\"upper\":\"%s/old/up\",\"out\":\"%s/old/%s\",\"base_manifest\":%s,\"manifest\":\"%s/old/%s.files\","
				      "\"lease_ms\":0,\"memory_budget\":1000000,\"threads\":2,\"passes\":3}",
				      PROTOCOL_VERSION, pool, pool, name, base ? format("\"%s/old/%s.files\"", pool, base) : "null", pool, name));
}

/* In the middle of a second: nothing of this takes half of one. */
static void wait_for_middle(void)
{
	struct timespec now;

	do {
		usleep(10000);
		syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
	} while (now.tv_nsec < 100000000 || now.tv_nsec > 500000000);
}

/* Written, copied, written again, all in one second: the time of the file is the same before and after. */
static void test_whole_seconds(void)
{
	json_t *first, *second;

	clear_pool();
	if (!run_shell("truncate -s 64M disk && mkfs.ext4 -q -I 128 disk 2>/dev/null && mkdir old && mount -o loop disk old && mkdir old/up")) {
		skip("no loop devices");
		return;
	}
	wait_for_middle();
	write_text("old/up/file", "one");
	usleep(50000);
	first = snapshot_seconds("s1", NULL);
	write_text("old/up/file", "two");
	second = snapshot_seconds("s2", "s1");
	ok(first && second && has_text("old/s1/file", "one") && has_text("old/s2/file", "two"), "a filesystem whose times are whole seconds");
	json_decref(first);
	json_decref(second);
	umount2("old", 0);
}

int main(int argc, char **argv)
{
	(void)argc;
	if (!enter_pool(argv[0]))
		return tap_done();
	test_clock();
	test_whole_seconds();
	return leave_pool();
}
