/* Kills, full disks, names that cannot be removed: livesnap and compose leave nothing behind but what they were making, and that can go. */
#include "layers.h"
#include "tree.h"

#include <signal.h>

static bool only(const char *name)
{
	DIR *dir = opendir(".");
	const struct dirent *entry;
	bool good = true;

	while ((entry = readdir(dir)))
		good = good && (*entry->d_name == '.' || strcmp(entry->d_name, "empty") == 0 || strcmp(entry->d_name, "big") == 0 || strcmp(entry->d_name, name) == 0);
	closedir(dir);
	return good;
}

static void test_kill(void)
{
	char *request;
	int at, bad = 0, killed = 0;

	clear_pool();
	mkdir("big", 0755);
	at = open("big", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 3000; i++)
		op_write(at, format("%d", i));
	close(at);
	request = strdup(live_request("big", "s1"));
	for (int i = 0; i < 20; i++) {
		char *argv[] = { format("%s/livesnap", programs), request, NULL };
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			close(1);
			execv(argv[0], argv);
			_exit(127);
		}
		usleep(pick(60000));
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		if (WIFSIGNALED(status))
			killed++, bad += !only("s1");
		if (fork() == 0)
			execlp("rm", "rm", "-rf", "s1", "s1.files", NULL);
		wait(NULL);
	}
	free(request);
	ok(bad == 0 && killed > 5, "killed %d times, it leaves nothing but what it was making", killed);
}

static bool make_small_disk(void)
{
	clear_pool();
	return run_shell("truncate -s 24M disk && mkfs.ext4 -q -N 4000 disk && mkdir -p small && mount -o loop disk small");
}

static void test_full_disk(void)
{
	json_t *report;
	int at;

	if (!make_small_disk()) {
		skip("no loop devices");
		return;
	}
	mkdir("small/up", 0755);
	at = open("small/up", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 14; i++) {
		int fd = openat(at, format("%d", i), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		fill(fd, 1 << 20);
		close(fd);
	}
	close(at);
	report = run("livesnap", live_request("small/up", "small/s1"));
	ok(!report && access("small/s1", F_OK) < 0 && access("small/s1.files", F_OK) < 0, "no space: no snapshot, nothing left");
	json_decref(report);
	report = run("compose", compose_request(format("%s/small", pool), "up", "c1"));
	ok(!report && access("small/c1", F_OK) < 0, "no space: no composed layer, nothing left");
	json_decref(report);
	umount2("small", 0);
}

/* A name that cannot be removed (a mount point, an immutable file) ends it, and is named. */
static void test_remove(void)
{
	int r, left;

	mkdir("r", 0755);
	mkdir("r/d", 0755);
	close(open("r/d/f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	if (mount("r/d/f", "r/d/f", NULL, MS_BIND, NULL) < 0)
		abort();
	alarm(20);
	r = tree_remove(AT_FDCWD, "r");
	ok(r == -EBUSY && strcmp(tree_trouble.name, "f") == 0, "what cannot be removed is told, not tried for ever");
	umount2("r/d/f", 0);
	left = tree_remove(AT_FDCWD, "r");
	alarm(0);
	ok(left == 0 && access("r", F_OK) < 0, "the rest is removed later");
}

int main(int argc, char **argv)
{
	(void)argc;
	if (!enter_pool(argv[0]))
		return tap_done();
	random_state = 7;
	test_kill();
	test_full_disk();
	test_remove();
	return leave_pool();
}
