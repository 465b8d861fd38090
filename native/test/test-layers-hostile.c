/* Trees that a hostile container makes, and uppers that change under the copier: livesnap and compose copy all of it, or refuse. */
#include "layers.h"

#include <signal.h>

enum { DEPTH = 250, WIDTH = 100000 };

static bool both(const char *upper, const char **ret_difference)
{
	json_t *live = run("livesnap", live_request(upper, "s1")), *composed = live ? run("compose", compose_request(pool, upper, "c1")) : NULL;

	*ret_difference = composed ? compare_trees(upper, "s1", false) : "a program failed";
	if (!*ret_difference)
		*ret_difference = compare_trees(upper, "c1", false);
	json_decref(live);
	json_decref(composed);
	return !*ret_difference;
}

static void make_deep(const char *top)
{
	int at = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[41];

	memset(name, 'n', 40);
	name[40] = '\0';
	for (int i = 0; i < DEPTH; i++) {
		int next;

		close(openat(at, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		if (mkdirat(at, name, 0755) < 0)
			abort();
		next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = next;
	}
	close(at);
}

static void test_deep(void)
{
	const char *difference;
	bool good;

	clear_pool();
	mkdir("deep", 0755);
	make_deep("deep");
	good = both("deep", &difference);
	ok(good, "deeper than PATH_MAX%s%s", good ? "" : ": ", good ? "" : difference);
	clear_pool();
	mkdir("deep", 0755);
	make_deep("deep");
	run_files = 80;
	json_decref(run("livesnap", live_request("deep", "s1")));
	json_decref(run("compose", compose_request(pool, "deep", "c1")));
	run_files = 0;
	difference = compare_trees("deep", "s1", false);
	ok(!difference, "with 80 descriptors: livesnap%s%s", difference ? ": " : "", difference ? difference : "");
	difference = compare_trees("deep", "c1", false);
	ok(!difference, "with 80 descriptors: compose%s%s", difference ? ": " : "", difference ? difference : "");
}

static void test_wide(void)
{
	const char *difference;
	bool good;
	int at;

	clear_pool();
	mkdir("wide", 0755);
	at = open("wide", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < WIDTH; i++)
		if (mknodat(at, format("%d", i), S_IFREG | 0600, 0) < 0)
			abort();
	close(at);
	good = both("wide", &difference);
	ok(good, "%d names in one directory%s%s", WIDTH, good ? "" : ": ", good ? "" : difference);
}

static void test_redirects(void)
{
	static const char *const wrong[] = { "..", ".", "", "a/b", "/", "//a", "/a/../b", "/a/" };

	clear_pool();
	mkdir("r", 0755);
	mkdir("r/d", 0755);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		setxattr("r/d", "trusted.overlay.redirect", wrong[i], strlen(wrong[i]), 0);
		ok(!run("compose", compose_request(pool, "r", "c1")) && access("c1", F_OK) < 0, "redirect \"%s\" is refused, nothing is left", wrong[i]);
	}
}

/* Every name becomes every kind of thing, as fast as possible. */
static void churn(void)
{
	int at = open("churn", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (;;) {
		char *name = format("%u", pick(30)), *other = format("%u", pick(30));

		switch (pick(8)) {
		case 0:
			(void)!mkfifoat(at, name, 0600);
			break;
		case 1:
			(void)!symlinkat("/dev/watchdog", at, name);
			break;
		case 2:
			(void)!mkdirat(at, name, 0700);
			break;
		case 3:
			(void)!renameat(at, name, at, other);
			break;
		case 4:
			remove_deep(at, name);
			break;
		case 5:
			(void)!renameat2(at, name, at, other, RENAME_EXCHANGE);
			break;
		default:
			op_write(at, pick(2) ? name : format("%s/%s", other, name));
			break;
		}
	}
}

static pid_t start_churn(void)
{
	pid_t pid;

	clear_pool();
	mkdir("churn", 0755);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		churn();
	usleep(50000);
	return pid;
}

static void test_churn(void)
{
	pid_t pid = start_churn();
	int good = 0;

	for (int i = 0; i < 10; i++) {
		json_t *report = run("livesnap", live_request("churn", format("s%d", i)));

		good += report != NULL;
		json_decref(report);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ok(good == 10, "files become fifos, links and directories while they are copied: %d of 10", good);
}

static void make_linked(const char *layer, const char *name)
{
	char *first = format("%s/%s1", layer, name);
	int fd;

	mkdir(layer, 0755);
	if (mount("layer", layer, "tmpfs", 0, "mode=755") < 0)
		abort();
	fd = open(first, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (write(fd, name, 1) != 1 || link(first, format("%s/%s2", layer, name)) < 0)
		abort();
	close(fd);
}

/* Subvolumes number their inodes each for itself. */
static void test_same_numbers(void)
{
	struct stat a, b, a2 = {}, b1 = {}, b2 = {};
	json_t *report;

	make_linked("la", "a");
	make_linked("lb", "b");
	stat("la/a1", &a);
	stat("lb/b1", &b);
	report = run("compose", format("{\"version\":%d,\"pool\":\"%s\",\"layers\":[\"la\",\"lb\"],\"keep_whiteouts\":true,\"out\":\"cs\",\"reflink\":false}",
				       PROTOCOL_VERSION, pool));
	if (report)
		ok(stat("cs/a2", &a2) == 0 && stat("cs/b1", &b1) == 0 && stat("cs/b2", &b2) == 0 && a2.st_ino != b1.st_ino && b1.st_ino == b2.st_ino &&
			   a2.st_nlink == 2,
		   "files of two layers with one inode number (%d) are two files", a.st_ino == b.st_ino);
	else
		ok(false, "compose of two file systems");
	json_decref(report);
	umount2("la", 0);
	umount2("lb", 0);
}

int main(int argc, char **argv)
{
	(void)argc;
	if (!enter_pool(argv[0]))
		return tap_done();
	random_state = 7;
	test_deep();
	test_wide();
	test_redirects();
	test_churn();
	test_same_numbers();
	return leave_pool();
}
