/* Frame codec, queue, ring, device rules and their program, plan decoding of broken documents, paths. Needs no privileges. */
#include "cgroup.h"
#include "cleanup.h"
#include "devices.h"
#include "fd.h"
#include "frame.h"
#include "queue.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/stat.h>

static void test_frames(void)
{
	uint8_t data[64];
	struct frame frame;
	uint16_t rows, cols;

	frame_header(data, FRAME_DATA, 3);
	memcpy(data + FRAME_HEADER, "abc", 3);
	for (size_t n = 0; n < 8; n++)
		if (frame_parse(data, n, 100, &frame) != 0)
			ok(false, "%zu bytes are no frame yet", n);
	ok(frame_parse(data, 20, 100, &frame) == 8 && frame.size == 3 && memcmp(frame.payload, "abc", 3) == 0, "a frame comes back");
	ok(frame_parse(data, 5, 2, &frame) == -EMSGSIZE, "too long, told by the header alone");
	data[4] = 'x';
	ok(frame_parse(data, 5, 100, &frame) == -EBADMSG, "unknown kind");
	frame_header(data, FRAME_RESIZE, 4);
	memcpy(data + FRAME_HEADER, "\x18\x00\x50\x01", 4);
	ok(frame_parse(data, 9, 100, &frame) == 9, "resize");
	frame_resize(&frame, &rows, &cols);
	ok(rows == 24 && cols == 336, "rows and columns");
	frame_header(data, FRAME_RESIZE, 3);
	ok(frame_parse(data, 9, 100, &frame) == -EBADMSG, "a resize of the wrong size");
}

static void test_queue(void)
{
	struct queue queue = {.max = 10000};
	const uint8_t *data;
	uint8_t in = 0, out = 0, chunk[97];
	bool same = true;

	for (int i = 0; i < 2000; i++) {
		size_t n;
		for (size_t j = 0; j < sizeof(chunk); j++)
			chunk[j] = in++;
		if (queue_push(&queue, chunk, sizeof(chunk)) < 0)
			in = (uint8_t)(in - sizeof(chunk));
		n = queue_peek(&queue, &data);
		n = n > 61 ? 61 + (size_t)i % 60 : n;
		n = n > queue.used ? queue.used : n;
		for (size_t j = 0; j < n; j++)
			same &= data[j] == out++;
		queue_drop(&queue, n);
	}
	ok(same && queue.used <= 10000, "a queue keeps the order, and its bound");
	ok(queue_push(&queue, chunk, SIZE_MAX - 5) == -ENOBUFS, "a size that would wrap is refused");
	queue_clear(&queue);
	ok(queue_push(&queue, chunk, 0) == 0 && queue_peek(&queue, &data) == 0, "nothing is nothing");
	queue_clear(&queue);
}

static void test_ring(void)
{
	struct ring ring;
	const uint8_t *piece[2];
	size_t size[2], n;
	char text[5000], all[4097] = "";

	ok(ring_open(&ring, 4000) == 0 && ring.size == 4096, "size is rounded up");
	ring_write(&ring, "hello", 5);
	ok(ring_pieces(&ring, piece, size) == 5 && size[0] == 5 && size[1] == 0, "not full");
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	ring_write(&ring, text, sizeof(text));
	ring_write(&ring, "0123456789", 10);
	n = ring_pieces(&ring, piece, size);
	memcpy(all, piece[0], size[0]);
	memcpy(all + size[0], piece[1], size[1]);
	ok(n == 4096 && memcmp(all + 4086, "0123456789", 10) == 0 && memcmp(all, text + 5000 - 4086, 4086) == 0, "the newest bytes, in order");
	ring_close(&ring);
}

static void test_rules(void)
{
	static const char *const bad[] = {"", "x", "c", "c 1", "c 1:3", "c 1:3 ", "c 1:3 x", "c -1:3 r", "c 1:3r r", "c 99999999999:1 r", "b *: r"};
	struct device_match match;
	bool all = true;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		all &= device_rule_parse(bad[i], &match) == -EINVAL;
	ok(all, "broken rules are refused");
	ok(device_rule_parse("c 136:* rw", &match) == 0 && match.major == 136 && match.minor == -1 && match.access == (DEVICE_READ | DEVICE_WRITE),
	   "a rule");
}

/* What the kernel would say: the few instructions that the compiler emits, run here. */
static int run(const struct bpf_insn *code, size_t n, uint32_t type, uint32_t access, uint32_t major, uint32_t minor)
{
	uint64_t reg[11] = {0};
	const uint32_t context[3] = {type | access << 16, major, minor};

	for (size_t pc = 0; pc < n; pc++) {
		const struct bpf_insn *i = &code[pc];
		uint64_t *dst = &reg[i->dst_reg];

		switch (i->code) {
		case BPF_LDX | BPF_W | BPF_MEM: *dst = context[i->off / 4]; break;
		case BPF_ALU64 | BPF_MOV | BPF_X: *dst = reg[i->src_reg]; break;
		case BPF_ALU64 | BPF_MOV | BPF_K: *dst = (uint64_t)(int64_t)i->imm; break;
		case BPF_ALU64 | BPF_AND | BPF_K: *dst &= (uint64_t)(int64_t)i->imm; break;
		case BPF_ALU64 | BPF_RSH | BPF_K: *dst >>= i->imm; break;
		case BPF_JMP | BPF_JNE | BPF_K: pc += *dst != (uint64_t)(int64_t)i->imm ? (size_t)i->off : 0; break;
		case BPF_JMP | BPF_JEQ | BPF_K: pc += *dst == (uint64_t)(int64_t)i->imm ? (size_t)i->off : 0; break;
		case BPF_JMP32 | BPF_JNE | BPF_K: pc += (uint32_t)*dst != (uint32_t)i->imm ? (size_t)i->off : 0; break;
		case BPF_JMP | BPF_EXIT: return (int)reg[0];
		default: return -1;
		}
	}
	return -1;
}

static void test_program(void)
{
	static char text[][16] = {"a", "c 1:3 rwm", "c *:* m", "b 8:0 r", "c 136:* rw", "c 136:7 w"};
	struct device_rule rules[] = {
		{2, false, text[0]}, {2, true, text[1]}, {2, true, text[2]}, {2, true, text[3]}, {2, true, text[4]}, {2, false, text[5]},
	};
	static const struct { uint32_t type, access, major, minor; int allowed; } cases[] = {
		{2, DEVICE_READ | DEVICE_WRITE, 1, 3, 1}, {2, DEVICE_MKNOD, 9, 9, 1}, {2, DEVICE_READ, 9, 9, 0}, {1, DEVICE_READ, 8, 0, 1},
		{1, DEVICE_WRITE, 8, 0, 0}, {1, DEVICE_READ | DEVICE_WRITE, 8, 0, 0}, {1, DEVICE_READ, 1, 3, 0}, {2, DEVICE_WRITE, 136, 6, 1},
		{2, DEVICE_WRITE, 136, 7, 0}, {2, DEVICE_READ, 136, 7, 1}, {2, DEVICE_READ, 4294967295U, 3, 0},
	};
	struct bpf_insn *code;
	size_t n;
	bool good = devices_program(rules, 6, &code, &n) == 0;

	for (size_t i = 0; good && i < sizeof(cases) / sizeof(*cases); i++)
		ok(run(code, n, cases[i].type, cases[i].access, cases[i].major, cases[i].minor) == cases[i].allowed, "device case %zu", i);
	free(code);
	rules[5].rule = text[0];
	rules[5].allow = true;
	good = devices_program(rules, 6, &code, &n) == 0;
	ok(good && run(code, n, 1, DEVICE_WRITE, 99, 99) == 1, "allow a forgets all before it");
	free(code);
	rules[0].version = 1;
	good = devices_program(rules, 1, &code, &n) == 0;
	ok(good && n == 0, "rules of v1 make no program");
	free(code);
}

static int decode(json_t *json)
{
	struct plan plan = {};
	struct proto_error err = {};
	int r = plan_decode(json, &plan, &err);

	if (r == 0)
		plan_clear(&plan);
	return r;
}

/* Every field taken out, and every one replaced by something else: all refused, but for optional ones that are absent. */
static void test_plan(const char *file)
{
	cleanup_json json_t *plan = json_load_file(file, 0, NULL);
	size_t refused = 0, n = 0;
	const char *key;
	json_t *value;

	if (!plan) {
		ok(false, "%s cannot be read", file);
		return;
	}
	ok(decode(plan) == 0, "the sample plan is taken");
	json_object_foreach(plan, key, value) {
		cleanup_json json_t *other = json_copy(plan);
		json_object_set_new(other, key, json_real(1.5));
		refused += decode(other) == -EINVAL;
		n++;
	}
	ok(n > 20 && refused == n, "a wrong type anywhere is refused (%zu of %zu)", refused, n);
	json_object_set_new(plan, "extra", json_true());
	ok(decode(plan) == -EINVAL, "an unknown field is refused");
	json_object_del(plan, "extra");
	json_object_del(plan, "mounts");
	ok(decode(plan) == -EINVAL, "a missing field is refused");
}

static void test_paths(void)
{
	char text[32];

	ok(path_join(text, sizeof(text), "/sys/fs/cgroup", "/") == 0 && strcmp(text, "/sys/fs/cgroup") == 0, "the root of a hierarchy");
	ok(path_join(text, sizeof(text), "/a/", "//b/c") == 0 && strcmp(text, "/a/b/c") == 0, "one slash");
	ok(path_join(text, sizeof(text), "/0123456789012345678901234567890", "x") == -ENAMETOOLONG, "too long");
	ok(cgroup_remove_tree("/nonexistent/x", 1) == 0, "removing what is not there");
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "we");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

static bool holds(const char *dir, const char *name, const char *text)
{
	cleanup_free char *found = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return fd_read_file(AT_FDCWD, path, 100, &found, NULL) == 0 && strcmp(found, text) == 0;
}

/* Plain files in the place of a delegated scope, with the monitor's leaf and the payload's in it. */
static void test_delegated_scope(void)
{
	char top[] = "/tmp/tlxc-cgroup-XXXXXX", base[64], monitor[80], payload[80], command[64];
	char *controllers[] = {(char *)"pids", (char *)"memory"};
	struct cgroup_hierarchy hierarchy = {.version = 2, .controllers = controllers, .n_controllers = 2, .mount = top, .base = (char *)"/scope"};
	struct cgroup_limit limit = {.version = 2, .file = (char *)"pids.max", .value = (char *)"7"};
	struct cgroup plan = {.hierarchies = &hierarchy, .n_hierarchies = 1, .limits = &limit, .n_limits = 1};
	struct cgroup_path path = {.version = 2, .controllers = controllers, .n_controllers = 2, .monitor = monitor, .payload = payload};
	struct cgroups cgroups = {.paths = &path, .n_paths = 1};
	struct failure failure = {};

	if (!mkdtemp(top))
		abort();
	snprintf(base, sizeof(base), "%s/scope", top);
	snprintf(monitor, sizeof(monitor), "%s/m", base);
	snprintf(payload, sizeof(payload), "%s/p", base);
	if (mkdir(base, 0700) < 0 || mkdir(monitor, 0700) < 0 || mkdir(payload, 0700) < 0)
		abort();
	put(base, "cgroup.procs", "12\n4242\n");
	put(monitor, "cgroup.procs", "-");
	cgroups_take_caller(&cgroups, &plan, 4242);
	ok(holds(monitor, "cgroup.procs", "-"), "the root of a hierarchy: the caller stays");
	put(base, "cgroup.type", "domain\n");
	cgroups_take_caller(&cgroups, &plan, 424);
	ok(holds(monitor, "cgroup.procs", "-"), "a caller that is elsewhere stays there");
	cgroups_take_caller(&cgroups, &plan, 4242);
	ok(holds(monitor, "cgroup.procs", "4242"), "a caller in the scope comes along");
	put(payload, "cgroup.controllers", "pids2 memory\n");
	ok(cgroups_apply_limits(&cgroups, &plan, &failure) == -EBUSY && strcmp(failure.detail, base) == 0,
	   "a controller that is not handed on is told, with the cgroup that keeps it");
	put(payload, "cgroup.controllers", "memory pids\n");
	failure = (struct failure){};
	ok(cgroups_apply_limits(&cgroups, &plan, &failure) == -ENOENT, "a file that is missing nevertheless is missing");
	put(payload, "pids.max", "");
	ok(cgroups_apply_limits(&cgroups, &plan, &failure) == 0 && holds(payload, "pids.max", "7"), "a limit is written");
	snprintf(command, sizeof(command), "rm -r %s", top);
	ok(system(command) == 0, "the scratch directory is removed");
}

/* Who is in a PID namespace further out has no number here: 0, which would be who writes it. */
static void test_left_leaf(void)
{
	char top[] = "/tmp/tlxc-cgroup-XXXXXX", monitor[80], command[64];
	struct cgroup_hierarchy hierarchy = {.version = 2, .mount = top, .base = (char *)"/"};
	const struct cgroup plan = {.hierarchies = &hierarchy, .n_hierarchies = 1};
	struct cgroups cgroups = {.paths = calloc(1, sizeof(struct cgroup_path)), .n_paths = 1};

	if (!mkdtemp(top) || !cgroups.paths)
		abort();
	snprintf(monitor, sizeof(monitor), "%s/m", top);
	if (mkdir(monitor, 0700) < 0)
		abort();
	put(top, "cgroup.procs", "-");
	put(monitor, "cgroup.procs", "77\n0\n");
	*cgroups.paths = (struct cgroup_path){.version = 2, .monitor = strdup(monitor), .payload = strdup(""), .init = strdup("")};
	cgroups_leave(&cgroups, &plan);
	ok(holds(top, "cgroup.procs", "77"), "a process without a number is not moved, nor is who would move it");
	snprintf(command, sizeof(command), "rm -r %s", top);
	ok(system(command) == 0, "the scratch directory is removed");
}

int main(int argc, char **argv)
{
	test_frames();
	test_queue();
	test_ring();
	test_rules();
	test_program();
	test_plan(argc > 1 ? argv[1] : "../test/fixtures/plans/busybox.json");
	test_paths();
	test_delegated_scope();
	test_left_leaf();
	return tap_done();
}
