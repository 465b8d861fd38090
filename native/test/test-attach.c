/* attach into a container that the real monitor runs (root only). */
#include "drive-stage.h"
#include "tap.h"

#include <poll.h>

struct container {
	struct drive drive;
	pid_t monitor;
	char build[3072], run_dir[96];
};

static void write_plan(struct container *c, const char *path)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s/stage", c->build);
	json_object_set_new(c->drive.plan, "stage", json_string(text));
	json_object_set_new(c->drive.plan, "run_dir", json_string(c->run_dir));
	snprintf(text, sizeof(text), "%s/events", c->drive.dir);
	json_object_set_new(c->drive.plan, "events_dir", json_string(text));
	drive_set_in(&c->drive, "init", "stdio", "'console'");
	json_dump_file(c->drive.plan, path, 0);
}

/* In the foreground, so that it is our child and dies with its process group. */
static bool start(struct container *c, bool unprivileged)
{
	char plan[128], program[4096], report[4096] = "", *argv[] = { program, (char *)"--plan", plan, (char *)"--report-fd", (char *)"9", NULL };
	int ends[2];

	drive_begin(&c->drive, unprivileged);
	snprintf(c->run_dir, sizeof(c->run_dir), "%s/run", c->drive.dir);
	snprintf(plan, sizeof(plan), "%s/plan", c->drive.dir);
	snprintf(program, sizeof(program), "%s/monitor", c->build);
	mkdir(c->run_dir, 0700);
	drive_script(&c->drive, "while busybox sleep 1000; do :; done");
	drive_set(&c->drive, "security",
		  "{'bounding':['chown','kill','setuid','setgid','setpcap','sys_admin'],'no_new_privs':false,'new_keyring':false,'sched_core':false,"
		  "'seccomp':{'default_action':'allow','default_errno':0,'allow_nesting':false,'rules':["
		  "{'syscall':'sethostname','action':'errno','errno':42,'args':[]}]}}");
	drive_set(&c->drive, "mounts",
		  "[{'source':'proc','target':'proc','type':'proc','bind':'none','from':'container','attrs':[],"
		  "'options':[],'propagation':[],'create':'none','optional':false,'remount':false,'move':false}]");
	if (unprivileged)
		json_object_set_new(json_object_get(c->drive.plan, "rootfs"), "idmap", json_true());
	write_plan(c, plan);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	c->monitor = fork();
	if (c->monitor == 0) {
		int null = open("/dev/null", O_RDWR);
		for (int i = 0; i < 3; i++)
			dup2(null, i);
		dup2(ends[1], 9);
		execv(program, argv);
		_exit(127);
	}
	close(ends[1]);
	if (read(ends[0], report, sizeof(report) - 1) <= 0 || !strstr(report, "\"ok\":true")) {
		printf("# %s\n", report);
		return false;
	}
	return true;
}

static void stop(struct container *c)
{
	kill(c->monitor, SIGKILL);
	waitpid(c->monitor, NULL, 0);
	usleep(20000);
	drive_end(&c->drive);
}

/* The exit status; output of stdout and stderr in out. */
static int attach(const struct container *c, const char *changes, const char *script, char *out, size_t size)
{
	json_t *request = drive_json("{'version':1,'socket':'','name':'t','argv':[],'elevate_cgroup':false,'elevate_caps':false,"
				     "'elevate_lsm':false,'remount_sys_proc':false,'env':['PATH=/bin','B=c'],'default_shell_env':false}");
	json_t *more = drive_json(changes);
	cleanup_free char *text = NULL;
	char path[4096], socket_path[128];
	int ends[2], status;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	snprintf(socket_path, sizeof(socket_path), "%s/command", c->run_dir);
	json_object_set_new(request, "socket", json_string(socket_path));
	json_object_set_new(request, "argv", json_pack("[s, s, s]", "sh", "-c", script));
	json_object_update(request, more);
	text = json_dumps(request, JSON_COMPACT);
	json_decref(more);
	json_decref(request);
	snprintf(path, sizeof(path), "%s/attach", c->build);
	if (pipe2(ends, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		open("/etc/hostname", O_RDONLY); /* a leak, not close-on-exec, that must not get in */
		dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		execl(path, path, text, NULL);
		_exit(126);
	}
	close(ends[1]);
	while ((n = read(ends[0], out + used, size - used - 1)) > 0)
		used += (size_t)n;
	out[used] = '\0';
	close(ends[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(const struct container *c, const char *what, bool good, const char *out)
{
	ok(good, "%s%s", what, c->drive.unprivileged ? ", unprivileged" : "");
	if (!good)
		printf("# %s\n", out);
}

static void test_inside(const struct container *c)
{
	char out[16384];
	int r = attach(c, "{}", "busybox hostname; echo B=$B; busybox id -u; busybox ls /; busybox ps; exit 12", out, sizeof(out));

	expect(c, "exit status, host name, environment, ids", r == 12 && strstr(out, "inside\nB=c\n0\n"), out);
	expect(c, "PID namespace and root", strstr(out, "sleep 1000") && strstr(out, "\nout\n"), out);
	r = attach(c, "{}", "busybox ls -l /proc/self/fd/; exec busybox ls -l /proc/self/exe", out, sizeof(out));
	expect(c, "no descriptor leaks", r == 0 && !strstr(out, "hostname") && !strstr(out, "memfd") && !strstr(out, " 5 -> "), out);
	expect(c, "what is executed is the container's file", strstr(out, "exe -> /bin/busybox") != NULL, out);
	attach(c, "{}", "busybox grep -E 'Cap|Seccomp:' /proc/self/status; busybox hostname other; busybox hostname", out, sizeof(out));
	expect(c, "bounding set and filter as init", strstr(out, "CapBnd:\t00000000002001e1") && strstr(out, "Seccomp:\t2") && strstr(out, "inside\n"), out);
	attach(c, "{'elevate_caps':true,'elevate_lsm':true}", "busybox grep -E 'CapBnd|Seccomp:' /proc/self/status", out, sizeof(out));
	expect(c, "elevated", strstr(out, "CapBnd:\t000001ff") && strstr(out, "Seccomp:\t0"), out);
	r = attach(c, "{'uid':33,'gid':34,'cwd':'/etc'}", "busybox id -u; busybox id -g; busybox pwd; busybox grep CapEff /proc/self/status", out, sizeof(out));
	expect(c, "uid, gid, cwd", strstr(out, "33\n34\n/etc\nCapEff:\t0000000000000000\n") != NULL, out);
}

static void test_status(const struct container *c)
{
	char out[8192];
	int r = attach(c, "{}", "kill -15 $$", out, sizeof(out));

	expect(c, "128 + signal", r == 143, out);
	r = attach(c, "{'argv':['nothing']}", "", out, sizeof(out));
	expect(c, "127 for a missing command, two lines", r == 127 && strstr(out, "tlxc-attach: t: cannot execute \"nothing\": No such file"), out);
	r = attach(c, "{'env':['PATH=/usr/bin']}", "echo $PATH", out, sizeof(out));
	expect(c, "a command that only the standard directories have, under the caller's PATH", r == 0 && strcmp(out, "/usr/bin\n") == 0, out);
	r = attach(c, "{'argv':['/out']}", "", out, sizeof(out));
	expect(c, "126 for what cannot be executed", r == 126, out);
	r = attach(c, "{'socket':'/nowhere/command'}", "", out, sizeof(out));
	expect(c, "1 when it does not run", r == 1 && strstr(out, "container is not running"), out);
	r = attach(c, "{'surprise':1}", "", out, sizeof(out));
	expect(c, "an unknown field is refused", r == 1 && strstr(out, "surprise"), out);
	r = attach(c, "{'argv':[]}", "", out, sizeof(out));
	expect(c, "without a command /bin/sh, which reads the end of /dev/null", r == 0, out);
	r = attach(c, "{'namespaces':['uts'],'elevate_caps':true,'elevate_lsm':true}", "hostname; test -d /proc/$PPID", out, sizeof(out));
	expect(c, "some namespaces only", strncmp(out, "inside\n", 7) == 0, out);
}

int main(int argc, char **argv)
{
	char *slash = strrchr(argv[0], '/'), monitor[4096];

	(void)argc;
	for (int unprivileged = 0; unprivileged <= 1; unprivileged++) {
		struct container c = { .monitor = 0 };

		snprintf(c.build, sizeof(c.build), "%.*s", slash ? (int)(slash - argv[0]) : 1, slash ? argv[0] : ".");
		snprintf(monitor, sizeof(monitor), "%s/monitor", c.build);
		if (geteuid() != 0 || access(monitor, X_OK) < 0 || access("/bin/busybox", X_OK) < 0) {
			skip("needs root, %s and /bin/busybox", monitor);
			break;
		}
		/* stage is named by an absolute path */
		if (!realpath(c.build, monitor))
			return 1;
		snprintf(c.build, sizeof(c.build), "%.3000s", monitor);
		ok(start(&c, unprivileged), "a container runs");
		test_inside(&c);
		test_status(&c);
		stop(&c);
	}
	return tap_done();
}
