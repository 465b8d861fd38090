/* Capabilities, label, no_new_privs and seccomp, in the order that lets each still be set. */
#include "stage.h"

#include "caps.h"
#include "cleanup.h"
#include "lsm.h"
#include "seccomp-filter.h"

#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>

static int limit_capabilities(struct stage *stage)
{
	const struct security *security = &stage->plan.security;
	const char *unknown = NULL;
	uint64_t mask = 0;
	int r = 0;

	stage_doing(stage, "limit the capabilities");
	if (security->has_bounding)
		r = caps_mask(security->bounding, security->n_bounding, &mask, &unknown);
	if (r < 0)
		return stage_fail(stage, r, "security", NULL, "unknown capability %s", unknown);
	r = security->has_bounding ? caps_limit(mask) : caps_clear_inherited();
	return r < 0 ? stage_fail(stage, r, "security", "prctl", "the capability bounding set") : 0;
}

static int set_labels(struct stage *stage)
{
	const struct security *security = &stage->plan.security;
	int r;

	if (security->apparmor_profile) {
		stage_doing(stage, "set the AppArmor profile");
		r = lsm_set_exec_apparmor(stage->proc, security->apparmor_profile);
		if (r < 0)
			return stage_fail(stage, r, "security", "write", "%s", security->apparmor_profile);
	}
	if (security->selinux_context) {
		stage_doing(stage, "set the SELinux context");
		r = lsm_set_exec_selinux(stage->proc, security->selinux_context);
		if (r < 0)
			return stage_fail(stage, r, "security", "write", "%s", security->selinux_context);
	}
	return 0;
}

static void warn_skipped(const char *syscall)
{
	stage_warn("seccomp: system call %s is unknown here, its rules are skipped", syscall);
}

/* no_new_privs comes after the label: with it set a change of profile is refused. */
int stage_security(struct stage *stage)
{
	const struct security *security = &stage->plan.security;
	const struct seccomp_rule *rule;
	int r = limit_capabilities(stage);

	if (r == 0)
		r = set_labels(stage);
	if (r < 0)
		return r;
	/* Nothing needs it any more, and lxc.init.cwd = /proc/self/fd/N must not lead into it (CVE-2024-21626). */
	if (stage->proc >= 0)
		close(steal_fd(&stage->proc));
	if (security->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return stage_fail(stage, -errno, "security", "prctl", "no_new_privs");
	stage_doing(stage, "load the seccomp filter");
	if (!security->seccomp)
		return 0;
	r = seccomp_filter_load(security->seccomp, warn_skipped, &rule);
	return r < 0 ? stage_fail(stage, r, "security", "seccomp", "%s", rule ? rule->syscall : "the filter") : 0;
}
