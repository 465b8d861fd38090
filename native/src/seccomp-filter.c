#include "seccomp-filter.h"

#include <ctype.h>
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARCHS = 3, MAX_ARGS = 6 };

/* The native architecture first, then what the same kernel also runs. */
static size_t list_archs(uint32_t archs[MAX_ARCHS])
{
	size_t n = 0;

	archs[n++] = seccomp_arch_native();
	if (archs[0] == SCMP_ARCH_X86_64) {
		archs[n++] = SCMP_ARCH_X86;
		archs[n++] = SCMP_ARCH_X32;
	} else if (archs[0] == SCMP_ARCH_AARCH64) {
		archs[n++] = SCMP_ARCH_ARM;
	} else if (archs[0] == SCMP_ARCH_PPC64) {
		archs[n++] = SCMP_ARCH_PPC;
	} else if (archs[0] == SCMP_ARCH_S390X) {
		archs[n++] = SCMP_ARCH_S390;
	}
	return n;
}

static uint32_t to_action(enum seccomp_action action, uint64_t number)
{
	switch (action) {
	case SECCOMP_ACTION_KILL:
		return SCMP_ACT_KILL_THREAD;
	case SECCOMP_ACTION_KILL_PROCESS:
		return SCMP_ACT_KILL_PROCESS;
	case SECCOMP_ACTION_TRAP:
		return SCMP_ACT_TRAP;
	case SECCOMP_ACTION_LOG:
		return SCMP_ACT_LOG;
	case SECCOMP_ACTION_ERRNO:
		return SCMP_ACT_ERRNO((uint16_t)number);
	case SECCOMP_ACTION_ALLOW:
	default:
		return SCMP_ACT_ALLOW;
	}
}

static const enum scmp_compare COMPARES[_SECCOMP_COMPARE_MAX] = {
	[SECCOMP_COMPARE_NE] = SCMP_CMP_NE, [SECCOMP_COMPARE_LT] = SCMP_CMP_LT, [SECCOMP_COMPARE_LE] = SCMP_CMP_LE,
	[SECCOMP_COMPARE_EQ] = SCMP_CMP_EQ, [SECCOMP_COMPARE_GE] = SCMP_CMP_GE, [SECCOMP_COMPARE_GT] = SCMP_CMP_GT,
	[SECCOMP_COMPARE_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
};

static int to_number(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno || *end || end == text ? -EINVAL : 0;
}

static int to_args(const struct seccomp_rule *rule, struct scmp_arg_cmp args[MAX_ARGS])
{
	if (rule->n_args > MAX_ARGS)
		return -E2BIG;
	for (size_t i = 0; i < rule->n_args; i++) {
		const struct seccomp_arg *from = &rule->args[i];
		uint64_t value, mask = 0;

		if (from->index >= MAX_ARGS || to_number(from->value, &value) < 0 || (from->mask && to_number(from->mask, &mask) < 0))
			return -EINVAL;
		args[i] = (struct scmp_arg_cmp){ .arg = (unsigned int)from->index, .op = COMPARES[from->op], .datum_a = value };
		if (from->op == SECCOMP_COMPARE_MASKED_EQ) {
			args[i].datum_a = mask;
			args[i].datum_b = value;
		}
	}
	return 0;
}

/* Profiles of version 1 have numbers, of the native architecture, instead of names. */
static bool is_number(const char *syscall)
{
	return isdigit((unsigned char)syscall[0]);
}

static bool exists_on(uint32_t arch, const char *syscall)
{
	if (is_number(syscall))
		return arch == seccomp_arch_native();
	return seccomp_syscall_resolve_name_arch(arch, syscall) != __NR_SCMP_ERROR;
}

static int add_rule(scmp_filter_ctx ctx, uint32_t arch, const struct seccomp *filter, const struct seccomp_rule *rule, bool *ret_known)
{
	uint32_t action = to_action(rule->action, rule->errno_);
	struct scmp_arg_cmp args[MAX_ARGS];
	int number, r;

	/* libseccomp wants native numbers (pseudo ones included) and translates them for the architecture of the filter. */
	number = is_number(rule->syscall) ? (int)strtol(rule->syscall, NULL, 10) : seccomp_syscall_resolve_name(rule->syscall);
	*ret_known = number != __NR_SCMP_ERROR;
	/* A rule that says what is done anyway is refused by libseccomp. */
	if (!*ret_known || action == to_action(filter->default_action, filter->default_errno))
		return 0;
	if (!exists_on(arch, rule->syscall))
		return 0;
	r = to_args(rule, args);
	if (r < 0)
		return r;
	r = seccomp_rule_add_array(ctx, action, number, (unsigned int)rule->n_args, args);
	return r == -EEXIST ? 0 : r;
}

static int build_arch(uint32_t arch, const struct seccomp *filter, void (*skipped)(const char *syscall), scmp_filter_ctx *ret_ctx,
		      const struct seccomp_rule **ret_rule)
{
	uint32_t native = seccomp_arch_native();
	scmp_filter_ctx ctx = seccomp_init(to_action(filter->default_action, filter->default_errno));
	int r = 0;

	if (!ctx)
		return -ENOMEM;
	*ret_ctx = ctx;
	if (arch != native) {
		r = seccomp_arch_remove(ctx, native);
		if (r == 0)
			r = seccomp_arch_add(ctx, arch);
	}
	for (size_t i = 0; r == 0 && i < filter->n_rules; i++) {
		const struct seccomp_rule *rule = &filter->rules[i];
		bool known = true;

		if (rule->arch && seccomp_arch_resolve_name(rule->arch) != arch)
			continue;
		r = add_rule(ctx, arch, filter, rule, &known);
		if (r < 0)
			*ret_rule = rule;
		if (!known && arch == native)
			skipped(rule->syscall);
	}
	return r;
}

static int load(scmp_filter_ctx ctx)
{
	/* no_new_privs is the plan's own decision, not libseccomp's. */
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);

	return r < 0 ? r : seccomp_load(ctx);
}

int seccomp_filter_load(const struct seccomp *filter, void (*skipped)(const char *syscall), const struct seccomp_rule **ret_rule)
{
	uint32_t archs[MAX_ARCHS];
	size_t n = list_archs(archs);
	scmp_filter_ctx all = NULL;
	int r;

	*ret_rule = NULL;
	r = build_arch(archs[0], filter, skipped, &all, ret_rule);
	for (size_t i = 1; r == 0 && i < n; i++) {
		scmp_filter_ctx one = NULL;
		r = build_arch(archs[i], filter, skipped, &one, ret_rule);
		/* A merge takes the merged filter over. */
		if (r == 0)
			r = seccomp_merge(all, one);
		else if (one)
			seccomp_release(one);
	}
	if (r == 0)
		r = load(all);
	if (all)
		seccomp_release(all);
	return r;
}
