/* The stage in real namespaces (root only): what init sees, and what must make a start fail. */
#include "drive-stage.h"
#include "tap.h"

static const char *stage_path;

static void report(const char *what, struct drive *drive, bool good)
{
	ok(good, "%s%s", what, drive->unprivileged ? ", unprivileged" : "");
	if (!good)
		printf("# status %x failure %s warnings %s\n# out: %s\n", (unsigned)drive->status, drive->failure, drive->warnings, drive->out);
}

static void add_proc(struct drive *drive)
{
	drive_set(drive, "mounts",
		  "[{'source':'proc','target':'proc','type':'proc','bind':'none','from':'container','attrs':['nosuid','nodev','noexec'],"
		  "'options':[],'propagation':[],'create':'none','optional':false,'remount':false,'move':false,'origin':'lxc.mount.auto'}]");
}

static bool has_own_boot_id(const struct drive *drive)
{
	cleanup_free char *host = NULL;
	const char *own = strstr(drive->out, "boot=");

	return fd_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 100, &host, NULL) == 0 && own && strncmp(own + 5, host, 36) != 0 &&
	       strcspn(own, "\n") == 5 + 36 && !strstr(drive->out, ".boot_id");
}

static void test_view(bool unprivileged)
{
	struct drive drive;

	drive_begin(&drive, unprivileged);
	add_proc(&drive);
	drive_script(&drive, "exec >/out; busybox hostname; busybox ls -l /dev; busybox cat /proc/mounts; echo \"ttys=$container_ttys A=$A pid=$$\";"
			     "busybox ls -l /proc/self/fd; busybox tty; busybox id; echo \"boot=$(busybox cat /proc/sys/kernel/random/boot_id)\"; busybox ls -a /dev; exit 7");
	drive_run(&drive, stage_path);
	report("init runs and its exit status arrives", &drive, WIFEXITED(drive.status) && WEXITSTATUS(drive.status) == 7 && !*drive.failure);
	report("host name, environment and pid", &drive, strstr(drive.out, "inside\n") && strstr(drive.out, "ttys=pts/1 pts/2 A=b c pid=1\n"));
	report("three masters", &drive, drive.n_ttys == 3);
	report("stdin is the console", &drive, strstr(drive.out, "/dev/console\n") != NULL || strstr(drive.out, "/dev/pts/0\n") != NULL);
	report("nodes, ttys, links", &drive, strstr(drive.out, "null") && strstr(drive.out, "tty2") && strstr(drive.out, "ptmx -> pts/ptmx"));
	report("a boot id of its own", &drive, has_own_boot_id(&drive));
	report("no mount of the host is left", &drive, !strstr(drive.out, drive.dir) && strstr(drive.out, "proc /proc proc rw,nosuid,nodev,noexec"));
	drive_end(&drive);
}

static void test_symlink_target(bool unprivileged)
{
	struct drive drive;
	char path[160];

	drive_begin(&drive, unprivileged);
	snprintf(path, sizeof(path), "%s/proc", drive.rootfs);
	rmdir(path);
	if (symlink("/tmp", path) < 0)
		abort();
	add_proc(&drive);
	drive_script(&drive, "echo started >/out");
	drive_run(&drive, stage_path);
	report("a symbolic link as mount target makes the start fail", &drive,
	       strstr(drive.failure, "\"code\":\"mount\"") && strstr(drive.failure, "proc on proc (lxc.mount.auto)") && !*drive.out);
	drive_end(&drive);
}

static void test_host_mounts(bool unprivileged)
{
	struct drive drive;

	drive_begin(&drive, unprivileged);
	drive_set(&drive, "mounts",
		  "[{'source':'/usr/share','target':'a/b/c','type':'none','bind':'bind','from':'host','attrs':[],'options':[],'propagation':[],"
		  "'create':'dir','optional':false,'remount':false,'move':false},"
		  "{'source':'','target':'a/b/c','type':'none','bind':'bind','from':'host','attrs':['rdonly'],'options':[],'propagation':[],"
		  "'create':'none','optional':false,'remount':true,'move':false},"
		  "{'source':'/nowhere','target':'etc','type':'none','bind':'bind','from':'host','attrs':[],'options':[],'propagation':[],"
		  "'create':'none','optional':true,'remount':false,'move':false},"
		  "{'source':'a/b','target':'etc','type':'none','bind':'rbind','from':'root','attrs':['nosuid'],'options':[],"
		  "'propagation':['rprivate'],'create':'none','optional':false,'remount':false,'move':false}]");
	drive_script(&drive, "exec >/out; busybox ls /a/b/c /etc/c; busybox touch /a/b/c/x && echo written");
	drive_run(&drive, stage_path);
	report("host, remount, relative and optional mounts", &drive,
	       strstr(drive.out, "doc\n") && strstr(drive.out, "/etc/c:\n") && !strstr(drive.out, "written") && strstr(drive.warnings, "/nowhere"));
	drive_end(&drive);
}

static void test_limits(bool unprivileged)
{
	struct drive drive;

	drive_begin(&drive, unprivileged);
	add_proc(&drive);
	drive_set(&drive, "security",
		  "{'bounding':['chown','kill','setuid','net_admin'],'no_new_privs':true,'new_keyring':false,'sched_core':false,"
		  "'seccomp':{'default_action':'allow','default_errno':0,'allow_nesting':false,'rules':["
		  "{'syscall':'mkdir','action':'errno','errno':42,'args':[]},{'syscall':'mkdirat','action':'errno','errno':42,'args':[]},"
		  "{'syscall':'nonsense','action':'kill','errno':0,'args':[]}]}}");
	drive_set(&drive, "sysctls", "[{'key':'net.ipv4.ip_forward','value':'1'}]");
	drive_script(&drive, "exec >/out 2>&1; busybox grep -E 'Cap|NoNew|Seccomp:' /proc/self/status; busybox mkdir /x;"
			     "busybox cat /proc/sys/net/ipv4/ip_forward");
	drive_run(&drive, stage_path);
	report("bounding set", &drive, strstr(drive.out, "CapBnd:\t00000000000010a1\n") && strstr(drive.out, "CapInh:\t0000000000000000\n"));
	report("no_new_privs and seccomp", &drive, strstr(drive.out, "NoNewPrivs:\t1") && strstr(drive.out, "Seccomp:\t2"));
	report("an unknown system call is skipped with a warning", &drive, strstr(drive.warnings, "nonsense") != NULL);
	report("errno of a seccomp rule", &drive, strstr(drive.out, "No message of desired type") != NULL);
	report("sysctl", &drive, strstr(drive.out, "\n1\n") != NULL);
	drive_end(&drive);
}

/* CVE-2024-21626: no descriptor of ours may be a way into what the container's /proc hides. */
static void test_cwd(bool unprivileged)
{
	bool leaks = false;

	for (int fd = 3; fd < 12; fd++) {
		struct drive drive;

		drive_begin(&drive, unprivileged);
		add_proc(&drive);
		drive_set(&drive, "sysctls", "[{'key':'net.ipv4.ip_forward','value':'1'}]");
		json_object_set_new(json_object_get(drive.plan, "init"), "cwd", json_sprintf("/proc/self/fd/%d", fd));
		drive_script(&drive, "busybox ls >/out");
		drive_run(&drive, stage_path);
		leaks = leaks || strstr(drive.out, "buddyinfo");
		drive_end(&drive);
	}
	ok(!leaks, "no working directory in the procfs of the stage%s", unprivileged ? ", unprivileged" : "");
}

static void test_missing_init(bool unprivileged)
{
	struct drive drive;

	drive_begin(&drive, unprivileged);
	drive_set_in(&drive, "init", "argv", "['/sbin/none']");
	drive_run(&drive, stage_path);
	report("a missing init is reported with its path", &drive,
	       strstr(drive.failure, "\"code\":\"init\"") && strstr(drive.failure, "\"errno\":2") && strstr(drive.failure, "/sbin/none") &&
		       WEXITSTATUS(drive.status) == 111);
	drive_end(&drive);
}

/* On a kernel with AppArmor as well as without: such a profile is not loaded. */
static void test_missing_profile(bool unprivileged)
{
	struct drive drive;

	drive_begin(&drive, unprivileged);
	drive_set(&drive, "security", "{'bounding':['chown'],'no_new_privs':false,'new_keyring':false,'sched_core':false,'apparmor_profile':'tlxc-none'}");
	drive_script(&drive, "echo started >/out");
	drive_run(&drive, stage_path);
	report("an AppArmor profile that is not there fails the start, and is named", &drive,
	       strstr(drive.failure, "\"stage\":\"set the AppArmor profile\"") && strstr(drive.failure, "\"detail\":\"tlxc-none\"") && !*drive.out);
	drive_end(&drive);
}

static void test_hooks(bool unprivileged)
{
	struct drive drive;

	drive_begin(&drive, unprivileged);
	drive_set(&drive, "hook_env", "['PATH=/bin:/usr/bin','LXC_NAME=t']");
	drive_set(&drive, "hooks",
		  "[{'type':'mount','argv':['/bin/sh','-c','test -d /usr/share']},{'type':'start','argv':['/bin/sh','-c','echo hook $LXC_NAME >/out']}]");
	drive_script(&drive, "echo init >>/out");
	drive_run(&drive, stage_path);
	report("hooks run outside and inside", &drive, strcmp(drive.out, "hook t\ninit\n") == 0);
	drive_end(&drive);
	drive_begin(&drive, unprivileged);
	drive_set(&drive, "hooks", "[{'type':'mount','argv':['/bin/sh','-c','echo no good; exit 3']}]");
	drive_script(&drive, "echo init >>/out");
	drive_run(&drive, stage_path);
	report("a failed hook fails the start, with its output", &drive, strstr(drive.failure, "exited with 3: no good") && !*drive.out);
	drive_end(&drive);
	drive_begin(&drive, unprivileged);
	drive_set(&drive, "hooks",
		  "[{'type':'mount','argv':['/bin/sh','-c','sleep 100 & yes no end & echo ready']},"
		  "{'type':'mount','argv':['/bin/sh','-c','sleep 100 & echo no good; exit 3']}]");
	drive_run(&drive, stage_path);
	report("what a hook leaves in the background is not waited for", &drive, strstr(drive.failure, "exited with 3: no good") != NULL);
	drive_end(&drive);
}

static void test_execute(bool unprivileged)
{
	struct drive drive;

	drive_begin(&drive, unprivileged);
	drive_set_in(&drive, "init", "execute", "true");
	add_proc(&drive);
	/* The pipe by which PID 1 learns of the exec is closed a moment after it. */
	drive_script(&drive, "exec >/out; echo $$; for i in 1 2 3 4 5 6 7 8 9; do [ -e /proc/1/fd/4 ] && busybox sleep 0.1; done; busybox ls -l /proc/1/fd; busybox sleep 100 & busybox grep VmRSS /proc/1/status; exit 5");
	drive_run(&drive, stage_path);
	report("execute: R, X and the exit status", &drive,
	       drive.running && drive.exit_packet == 5 << 8 && WIFEXITED(drive.status) && WEXITSTATUS(drive.status) == 5);
	report("execute: PID 1 holds its stdio and the socket only", &drive, !strstr(drive.out, " 4 -> ") && strstr(drive.out, " 3 -> socket"));
	drive_end(&drive);
	drive_begin(&drive, unprivileged);
	drive_set_in(&drive, "init", "execute", "true");
	drive_set_in(&drive, "init", "argv", "['nothing-here']");
	drive_run(&drive, stage_path);
	report("execute: a missing command", &drive, !drive.running && strstr(drive.failure, "nothing-here"));
	drive_end(&drive);
	drive_begin(&drive, unprivileged);
	drive_set_in(&drive, "init", "execute", "true");
	drive_script(&drive, "kill -9 $$");
	drive_run(&drive, stage_path);
	report("execute: death by a signal", &drive, drive.exit_packet == 9 && WEXITSTATUS(drive.status) == 137);
	drive_end(&drive);
}

int main(int argc, char **argv)
{
	char path[4096];
	char *slash = strrchr(argv[0], '/');

	(void)argc;
	snprintf(path, sizeof(path), "%.*s/stage", slash ? (int)(slash - argv[0]) : 1, slash ? argv[0] : ".");
	stage_path = path;
	if (geteuid() != 0 || access(path, X_OK) < 0 || access("/bin/busybox", X_OK) < 0) {
		skip("needs root, %s and /bin/busybox", path);
		return tap_done();
	}
	for (int unprivileged = 0; unprivileged <= 1; unprivileged++) {
		test_view(unprivileged);
		test_symlink_target(unprivileged);
		test_host_mounts(unprivileged);
		test_limits(unprivileged);
		test_cwd(unprivileged);
		test_missing_init(unprivileged);
		test_missing_profile(unprivileged);
		test_hooks(unprivileged);
		test_execute(unprivileged);
	}
	return tap_done();
}
