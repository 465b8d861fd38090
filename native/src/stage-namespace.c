/* What a new namespace needs before anything is mounted in it. */
#include "stage.h"

#include "cleanup.h"
#include "lsm.h"
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A kernel without keyrings, or a seccomp filter above us, is no reason to fail: LXC goes on too. */
static void new_keyring(void)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0) < 0)
		stage_warn("cannot make a session keyring: %s", strerrordesc_np(errno));
}

/* Without SMT there is nothing to keep apart (ENODEV, prctl(2)). */
static int own_core(struct stage *stage)
{
	stage_doing(stage, "set up core scheduling");
	if (!stage->plan.security.sched_core || prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PR_SCHED_CORE_SCOPE_THREAD_GROUP, 0) == 0)
		return 0;
	if (errno != ENODEV)
		return stage_fail(stage, -errno, "security", "prctl", "lxc.sched.core needs a kernel with CONFIG_SCHED_CORE");
	stage_warn("lxc.sched.core: the cores of this machine run one thread each, nothing to do");
	return 0;
}

static int label_keyring(struct stage *stage)
{
	const char *context = stage->plan.security.selinux_keyring_context;
	cleanup_fd int proc = -1;
	int r;

	if (!context)
		return 0;
	proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = proc < 0 ? -errno : lsm_set_keyring_selinux(proc, context);
	return r < 0 ? stage_fail(stage, r, "security", "write", "SELinux context %s of the keyring", context) : 0;
}

int stage_namespaces(struct stage *stage)
{
	const char *hostname = stage->plan.hostname;
	int r;

	stage_doing(stage, "make the cgroup namespace");
	/* Only now, when the monitor has put us in the payload cgroup: it becomes the root of the namespace. */
	stage->cgroup_namespace = plan_makes(&stage->plan, NAMESPACE_CGROUP);
	if (stage->cgroup_namespace && unshare(CLONE_NEWCGROUP) < 0)
		return stage_fail(stage, -errno, "namespace", "unshare", "cgroup");
	stage_doing(stage, "set the host name");
	if (hostname && plan_makes(&stage->plan, NAMESPACE_UTS) && sethostname(hostname, strlen(hostname)) < 0)
		return stage_fail(stage, -errno, "namespace", "sethostname", "%s", hostname);
	stage_doing(stage, "make the session keyring");
	r = label_keyring(stage);
	if (r < 0)
		return r;
	if (stage->plan.security.new_keyring)
		new_keyring();
	return own_core(stage);
}

int stage_personality(struct stage *stage)
{
	enum personality wanted = stage->plan.personality;

	stage_doing(stage, "set the personality");
	if (wanted != PERSONALITY_NONE && personality(wanted == PERSONALITY_LINUX32 ? PER_LINUX32 : PER_LINUX) < 0)
		return stage_fail(stage, -errno, "security", "personality", "%s", personality_to_string(wanted));
	return 0;
}
