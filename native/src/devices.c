/* Device rules of v2: a BPF program on the payload's cgroup, bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE. */
#include "devices.h"

#include "cleanup.h"
#include "log.h"
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>

int device_rule_parse(const char *text, struct device_match *ret)
{
	const char *at = text;

	*ret = (struct device_match){.type = *at, .major = -1, .minor = -1};
	if (*at == 'a') {
		ret->access = DEVICE_MKNOD | DEVICE_READ | DEVICE_WRITE;
		return 0; /* what follows makes no difference, as in v1 */
	}
	if ((*at != 'c' && *at != 'b') || at[1] != ' ')
		return -EINVAL;
	at += 2;
	for (int i = 0; i < 2; i++) {
		char *end = (char *)at + 1;
		long long value = *at == '*' ? -1 : strtoll(at, &end, 10);

		if ((*at != '*' && (*at < '0' || *at > '9')) || value > UINT32_MAX || *end != (i ? ' ' : ':'))
			return -EINVAL;
		*(i ? &ret->minor : &ret->major) = value;
		at = end + 1;
	}
	for (; *at; at++)
		switch (*at) {
		case 'r': ret->access |= DEVICE_READ; break;
		case 'w': ret->access |= DEVICE_WRITE; break;
		case 'm': ret->access |= DEVICE_MKNOD; break;
		default: return -EINVAL;
		}
	return ret->access ? 0 : -EINVAL;
}

#define INSN(c, d, s, o, i) ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (short)(o), .imm = (int)(i)})

enum { TYPE = BPF_REG_2, ACCESS = BPF_REG_3, MAJOR = BPF_REG_4, MINOR = BPF_REG_5, PROLOGUE = 6, PER_RULE = 9, EPILOGUE = 2 };

static size_t emit_prologue(struct bpf_insn *out)
{
	out[0] = INSN(BPF_LDX | BPF_W | BPF_MEM, TYPE, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
	out[1] = INSN(BPF_ALU64 | BPF_MOV | BPF_X, ACCESS, TYPE, 0, 0);
	out[2] = INSN(BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
	out[3] = INSN(BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
	out[4] = INSN(BPF_LDX | BPF_W | BPF_MEM, MAJOR, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	out[5] = INSN(BPF_LDX | BPF_W | BPF_MEM, MINOR, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
	return PROLOGUE;
}

/* Jumps over the rest of the rule where it does not match; returns allow or not where it does. */
static size_t emit_rule(struct bpf_insn *out, const struct device_match *match, bool allow)
{
	size_t n = 0, jumps[4], n_jumps = 0;
	unsigned int other = (DEVICE_MKNOD | DEVICE_READ | DEVICE_WRITE) & ~match->access;

	jumps[n_jumps++] = n;
	out[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, TYPE, 0, 0, match->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	/* allowed: nothing else is asked for; denied: any of it is asked for (as the exceptions of v1) */
	if (allow && other) {
		out[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, ACCESS, 0, 0);
		out[n++] = INSN(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_0, 0, 0, other);
		jumps[n_jumps++] = n;
		out[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 0, 0);
	} else if (!allow && other) {
		out[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, ACCESS, 0, 0);
		out[n++] = INSN(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_0, 0, 0, match->access);
		jumps[n_jumps++] = n;
		out[n++] = INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 0, 0);
	}
	for (int i = 0; i < 2; i++) {
		int64_t number = i ? match->minor : match->major;
		if (number < 0)
			continue;
		jumps[n_jumps++] = n;
		out[n++] = INSN(BPF_JMP32 | BPF_JNE | BPF_K, i ? MINOR : MAJOR, 0, 0, number);
	}
	out[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow);
	out[n++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	for (size_t i = 0; i < n_jumps; i++)
		out[jumps[i]].off = (short)(n - jumps[i] - 1);
	return n;
}

int devices_program(const struct device_rule *rules, size_t n_rules, struct bpf_insn **ret, size_t *ret_n)
{
	cleanup_free struct bpf_insn *out = calloc(PROLOGUE + n_rules * PER_RULE + EPILOGUE, sizeof(*out));
	bool allow_rest = true, any = false;
	size_t first = 0, n;

	if (!out)
		return -ENOMEM;
	/* "a" starts afresh: what came before is forgotten */
	for (size_t i = 0; i < n_rules; i++) {
		struct device_match match;
		int r = device_rule_parse(rules[i].rule, &match);

		if (rules[i].version == 2 && r < 0)
			return r;
		any |= rules[i].version == 2;
		if (rules[i].version != 2 || match.type != 'a')
			continue;
		allow_rest = rules[i].allow;
		first = i + 1;
	}
	n = emit_prologue(out);
	/* the last rule that matches decides, so it is asked first */
	for (size_t i = n_rules; i > first; i--) {
		struct device_match match;
		if (rules[i - 1].version == 2 && device_rule_parse(rules[i - 1].rule, &match) == 0)
			n += emit_rule(out + n, &match, rules[i - 1].allow);
	}
	out[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow_rest);
	out[n++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	*ret_n = any ? n : 0;
	*ret = steal_ptr(&out);
	return 0;
}

static int load(const struct bpf_insn *program, size_t n)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insns = (uintptr_t)program, .insn_cnt = (uint32_t)n,
		.license = (uintptr_t)"GPL", .prog_name = "tlxc_devices",
	};
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}

static int attach(int cgroup, int program, int old)
{
	union bpf_attr attr = {.target_fd = (uint32_t)cgroup, .attach_bpf_fd = (uint32_t)program, .attach_type = BPF_CGROUP_DEVICE,
		.attach_flags = BPF_F_ALLOW_MULTI | (old >= 0 ? BPF_F_REPLACE : 0)};

	if (old >= 0)
		attr.replace_bpf_fd = (uint32_t)old;
	return syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static int detach(int cgroup, int program)
{
	union bpf_attr attr = {.target_fd = (uint32_t)cgroup, .attach_bpf_fd = (uint32_t)program, .attach_type = BPF_CGROUP_DEVICE};

	return syscall(SYS_bpf, BPF_PROG_DETACH, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static int load_rules(struct monitor *m, const struct device_rule *rules, size_t n_rules, int cgroup, struct failure *failure)
{
	cleanup_free struct bpf_insn *program = NULL;
	cleanup_fd int fd = -1;
	size_t n;
	int r = devices_program(rules, n_rules, &program, &n);

	if (r < 0)
		return failure_note(failure, r, "cgroup", NULL, "not \"a\" or \"c|b MAJ:MIN rwm\"", "read the device rules");
	fd = n ? load(program, n) : -1;
	if (n)
		r = fd < 0 ? fd : attach(cgroup, fd, m->devices_prog);
	else if (m->devices_prog >= 0)
		r = detach(cgroup, m->devices_prog);
	if (r < 0)
		return failure_note(failure, r, "cgroup", "bpf", NULL, "apply the device rules of v2");
	cleanup_close_fd(&m->devices_prog);
	m->devices_prog = steal_fd(&fd); /* or none */
	return 0;
}

int devices_attach(struct monitor *m, struct failure *failure)
{
	const struct cgroup_path *path = cgroups_find(&m->cgroups, NULL);
	size_t n = m->plan->cgroup.n_devices, n_all = n + m->n_extra_rules;
	cleanup_free struct device_rule *rules = calloc(n_all + 1, sizeof(*rules));
	cleanup_fd int cgroup = path ? open(path->payload, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct failure local = {};
	int r;

	if (!path || !rules)
		return path ? -ENOMEM : 0;
	if (n)
		memcpy(rules, m->plan->cgroup.devices, n * sizeof(*rules));
	if (m->n_extra_rules)
		memcpy(rules + n, m->extra_rules, m->n_extra_rules * sizeof(*rules));
	r = load_rules(m, rules, n_all, cgroup, &local);
	/* hybrid: the list of v1 is in force already, and says the same in every configuration that is shipped */
	if (r < 0 && local.err != EINVAL && cgroups_find(&m->cgroups, "devices")) {
		log_warn("device rules of v2 left out: %s", strerror(-r));
		return 0;
	}
	if (r < 0 && !failure->code)
		*failure = local;
	return r;
}
