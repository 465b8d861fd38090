/*
 * Plays the monitor for the stage: clones the namespaces, writes the id maps, hands in a rootfs, and tells how it ended.
 * The rootfs is a busybox in a temporary directory; its init is /bin/sh with the given script, output in /out.
 */
#pragma once
#include "cleanup.h"
#include "fd.h"
#include "mount-api.h"
#include "protocol.gen.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct drive {
	char dir[64], rootfs[96], mount_point[96];
	bool unprivileged;
	json_t *plan;
	/* results */
	int status; /* wait status of PID 1 */
	size_t n_ttys;
	char failure[8192]; /* Report, or "" */
	char warnings[4096];
	char *out; /* what the script wrote */
	bool running; /* R in execute mode */
	int exit_packet; /* X, or -1 */
};

static const char DRIVE_PLAN[] =
	"{'version':1,'name':'t','lxcpath':'/x','run_dir':'/x','events_dir':'/x','stage':'/x','foreground':true,"
	"'log':{'level':'INFO'},'monitor_unshare':false,'pdeath_signal':9,"
	"'namespaces':{'clone':['mnt','pid','uts','ipc','net','cgroup'],'share':[]},'idmap':[],'hostname':'inside','personality':'none',"
	"'rootfs':{'path':'','mount_point':'','idmap':false,'attrs':[],'propagation':[]},"
	"'mounts':[],'dev':{'autodev':true,'tmpfs_size':500000,'nodes':[{'path':'null','major':1,'minor':3,'mode':438},"
	"{'path':'full','major':1,'minor':7,'mode':438}],'links':[{'path':'fd','target':'/proc/self/fd'}]},"
	"'tty':{'max':2,'pty_max':8},'console':{'enabled':true,'log_size':0,'rotate':false,'buffer_size':16384},"
	"'cgroup':{'hierarchies':[],'payload':'p','monitor':'m','limits':[],'devices':[],'mount':'none','mount_full':false,"
	"'mount_unified':false},'network':[],'security':{'no_new_privs':false,'new_keyring':true,'sched_core':false},"
	"'rlimits':[],'sysctls':[],'proc':[],'init':{'argv':[],'execute':false,'uid':0,'gid':0,'groups':[],'env':['PATH=/bin','A=b c'],"
	"'stdio':'console'},'signals':{'reboot':2,'stop':9},'hooks':[],'hook_env':[],'hook_version':0,'after_stop':[]}";

static inline json_t *drive_json(const char *single_quoted)
{
	char *text = strdup(single_quoted);
	json_t *json;

	for (char *at = text; *at; at++)
		if (*at == '\'')
			*at = '"';
	json = json_loads(text, JSON_DECODE_ANY, NULL);
	if (!json)
		fprintf(stderr, "bad JSON: %s\n", text);
	free(text);
	return json;
}

static inline void drive_set(struct drive *drive, const char *key, const char *single_quoted)
{
	json_object_set_new(drive->plan, key, drive_json(single_quoted));
}

static inline void drive_set_in(struct drive *drive, const char *object, const char *key, const char *single_quoted)
{
	json_object_set_new(json_object_get(drive->plan, object), key, drive_json(single_quoted));
}

static inline void drive_copy(const char *from, const char *to)
{
	cleanup_free char *data = NULL;
	size_t size;
	int fd;

	if (fd_read_file(AT_FDCWD, from, 8 << 20, &data, &size) < 0)
		return;
	fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	fd_write_all(fd, data, size);
	close(fd);
}

static inline void drive_begin(struct drive *drive, bool unprivileged)
{
	static const char *const DIRS[] = { "bin", "proc", "sys", "dev", "etc", "tmp" };
	char path[128];

	memset(drive, 0, sizeof(*drive));
	drive->unprivileged = unprivileged;
	drive->exit_packet = -1;
	strcpy(drive->dir, "/tmp/test-stage.XXXXXX");
	if (!mkdtemp(drive->dir))
		abort();
	chmod(drive->dir, 0755);
	snprintf(drive->rootfs, sizeof(drive->rootfs), "%s/rootfs", drive->dir);
	snprintf(drive->mount_point, sizeof(drive->mount_point), "%s/mnt", drive->dir);
	mkdir(drive->rootfs, 0755);
	mkdir(drive->mount_point, 0755);
	for (size_t i = 0; i < sizeof(DIRS) / sizeof(*DIRS); i++) {
		snprintf(path, sizeof(path), "%s/%s", drive->rootfs, DIRS[i]);
		mkdir(path, 0755);
	}
	snprintf(path, sizeof(path), "%s/bin/busybox", drive->rootfs);
	drive_copy("/bin/busybox", path);
	snprintf(path, sizeof(path), "%s/bin/sh", drive->rootfs);
	if (symlink("busybox", path) < 0)
		abort();
	snprintf(path, sizeof(path), "%s/out", drive->rootfs);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	chmod(path, 0666);
	drive->plan = drive_json(DRIVE_PLAN);
	json_object_set_new(json_object_get(drive->plan, "rootfs"), "path", json_string(drive->rootfs));
	json_object_set_new(json_object_get(drive->plan, "rootfs"), "mount_point", json_string(drive->mount_point));
	if (unprivileged) {
		drive_set(drive, "idmap", "[{'kind':'uid','ns':0,'host':100000,'range':65536},{'kind':'gid','ns':0,'host':100000,'range':65536}]");
		drive_set(drive, "namespaces", "{'clone':['mnt','pid','uts','ipc','user','net','cgroup'],'share':[]}");
	}
}

static inline void drive_script(struct drive *drive, const char *script)
{
	json_t *argv = json_pack("[s, s, s]", "/bin/sh", "-c", script);

	json_object_set_new(json_object_get(drive->plan, "init"), "argv", argv);
}

__attribute__((noreturn)) static inline void drive_child(int sock, int plan, int executable)
{
	char *argv[] = { (char *)"[tlxc stage]", (char *)"t", NULL }, *env[] = { NULL };
	char go;

	if (recv(sock, &go, 1, 0) != 1 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		_exit(99);
	dup2(sock, 23);
	dup2(plan, 24);
	dup3(executable, 25, O_CLOEXEC);
	dup2(23, 3);
	dup2(24, 4);
	close(23);
	close(24);
	fexecve(25, argv, env);
	_exit(98);
}

static inline void drive_map(pid_t pid, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if (fd_write_file(AT_FDCWD, path, "0 100000 65536") < 0)
		abort();
}

/* An id-mapped bind of the rootfs when unprivileged, so that files on disk stay unshifted. */
static inline int drive_rootfs(struct drive *drive, pid_t pid)
{
	struct {
		uint64_t set, clear, propagation, userns;
	} attr = { .set = 0x100000 };
	char path[64];
	int tree = mnt_clone_path(drive->rootfs, false), userns;

	if (!drive->unprivileged)
		return tree;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	userns = open(path, O_RDONLY | O_CLOEXEC);
	attr.userns = (uint64_t)userns;
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		abort();
	close(userns);
	return tree;
}

static inline void drive_send_mounts(struct drive *drive, int sock, pid_t pid)
{
	json_t *mounts = json_object_get(drive->plan, "mounts"), *mount;
	int fds[64] = { drive_rootfs(drive, pid) };
	size_t n = 1, i;

	json_array_foreach (mounts, i, mount) {
		int fd;
		if (strcmp(json_string_value(json_object_get(mount, "from")), "host") != 0 || json_is_true(json_object_get(mount, "remount")))
			continue;
		fd = mnt_clone_path(json_string_value(json_object_get(mount, "source")), false);
		fds[n++] = fd >= 0 ? fd : open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	fd_send(sock, "M\0", 2, fds, n);
	while (n > 0)
		close(fds[--n]);
}

static inline void drive_listen(struct drive *drive, int sock)
{
	char packet[8192];

	for (;;) {
		int fds[64];
		size_t n = 64;
		ssize_t size = fd_receive(sock, packet, sizeof(packet) - 1, fds, &n);
		if (size <= 0)
			break;
		packet[size] = '\0';
		if (*packet == 'T') {
			drive->n_ttys = n; /* kept open: a hang-up would end what runs on them */
			fd_send(sock, "S", 1, NULL, 0);
		} else if (*packet == 'F') {
			snprintf(drive->failure, sizeof(drive->failure), "%s", packet + 1);
		} else if (*packet == 'W') {
			snprintf(drive->warnings, sizeof(drive->warnings), "%.4000s", packet + 1);
		} else if (*packet == 'R') {
			drive->running = true;
		} else if (*packet == 'X') {
			drive->exit_packet = packet[1] | packet[2] << 8;
		}
	}
}

static inline void drive_run(struct drive *drive, const char *stage)
{
	struct clone_args args = { .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET, .exit_signal = SIGCHLD };
	cleanup_free char *text = json_dumps(drive->plan, JSON_COMPACT);
	char path[128];
	int socks[2], plan = fd_sealed_copy("plan", text, strlen(text)), executable = fd_sealed_exec(stage);
	pid_t pid;

	if (drive->unprivileged)
		args.flags |= CLONE_NEWUSER;
	if (plan < 0 || executable < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		abort();
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		drive_child(socks[1], plan, executable);
	close(socks[1]);
	if (drive->unprivileged) {
		drive_map(pid, "uid_map");
		drive_map(pid, "gid_map");
	}
	fd_send(socks[0], "g", 1, NULL, 0);
	drive_send_mounts(drive, socks[0], pid);
	drive_listen(drive, socks[0]);
	waitpid(pid, &drive->status, 0);
	close(socks[0]);
	close(plan);
	close(executable);
	snprintf(path, sizeof(path), "%s/out", drive->rootfs);
	if (fd_read_file(AT_FDCWD, path, 1 << 20, &drive->out, NULL) < 0)
		drive->out = strdup("");
}

static inline void drive_end(struct drive *drive)
{
	char *argv[] = { (char *)"rm", (char *)"-rf", (char *)"--", drive->dir, NULL };
	pid_t pid = fork();

	if (pid == 0) {
		execvp(*argv, argv);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	json_decref(drive->plan);
	free(drive->out);
}
