/*
 * tlxc-stage: PID 1 of a new container, between clone and exec (src/protocol/README.md). It finds itself in all its
 * namespaces but the cgroup one, as root of them, and turns the launch plan into what init will see.
 */
#include "fd.h"
#include "stage.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int (*step)(struct stage *stage);

static int run_steps(struct stage *stage, const step steps[], size_t n)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = steps[i](stage);
	return r;
}

static int pre_mount_hooks(struct stage *stage)
{
	return stage_hooks(stage, HOOK_TYPE_PRE_MOUNT);
}

static int mount_hooks(struct stage *stage)
{
	int r = stage_hooks(stage, HOOK_TYPE_MOUNT);

	return r < 0 || !stage->plan.dev.autodev ? r : stage_hooks(stage, HOOK_TYPE_AUTODEV);
}

static int start_hooks(struct stage *stage)
{
	return stage_hooks(stage, HOOK_TYPE_START);
}

static const step STEPS[] = {
	stage_load,
	stage_find_cgroups,
	stage_receive_mounts, /* the monitor has put us in our cgroups and given us our network devices */
	stage_namespaces,
	stage_separate_from_host,
	pre_mount_hooks,
	stage_attach_rootfs,
	stage_network,
	stage_open_proc,
	stage_open_null,
	stage_dev_tmpfs,
	stage_mounts,
	stage_cgroups,
	mount_hooks,
	stage_dev_nodes,
	stage_devpts,
	stage_console,
	stage_ttys,
	stage_dev_links,
	stage_boot_id,
	stage_pivot,
	stage_personality,
	stage_sysctls,
	stage_hand_over_ttys, /* and wait until everything outside is done as well */
	stage_security,
	start_hooks,
};

static int run(struct stage *stage)
{
	int r = run_steps(stage, STEPS, sizeof(STEPS) / sizeof(*STEPS));

	if (r < 0)
		return r;
	return stage->plan.init.execute ? stage_execute(stage) : stage_init(stage);
}

int main(void)
{
	struct stage stage = { .rootfs = -1, .proc = -1, .devpts = -1, .console = -1, .null = -1 };
	int r;

	prctl(PR_SET_NAME, "tlxc-stage");
	umask(0);
	r = run(&stage);
	if (r < 0)
		stage_send_failure(&stage);
	/* Nothing is freed: what is here ends by exec or with the container. */
	_exit(r < 0 ? STAGE_FAILED : r);
}
