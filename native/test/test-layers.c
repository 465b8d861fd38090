/* Running snapshots and composed layers show exactly what the overlay showed: random changes to real mounts, several snapshots in a row,
 * each compared with the live view; and every way to merge their layers. argv[1]: rounds, argv[2]: first seed. */
#include "layers.h"

enum { SNAPSHOTS = 4, CHANGES = 40 };

static int deltas, fulls;

/* The layers [from, to) of stack become one; the new stack in ret. */
static bool compose(const struct stack *stack, int from, int to, const char *name, struct stack *ret)
{
	char layers[512] = "";
	bool below = to < stack->n;
	json_t *report;

	for (int i = from; i < to; i++)
		strcat(strcat(strcat(strcat(layers, i > from ? "," : ""), "\""), stack->names[i]), "\"");
	report = run("compose", format("{\"version\":%d,\"pool\":\"%s\",\"layers\":[%s],\"keep_whiteouts\":%s,\"out\":\"%s\",\"reflink\":%s}", PROTOCOL_VERSION,
				       pool, layers, below ? "true" : "false", name, pick(2) ? "true" : "false"));
	*ret = (struct stack){};
	for (int i = 0; i < from; i++)
		strcpy(ret->names[ret->n++], stack->names[i]);
	snprintf(ret->names[ret->n++], 8, "%s", name);
	for (int i = to; i < stack->n; i++)
		strcpy(ret->names[ret->n++], stack->names[i]);
	json_decref(report);
	return report;
}

static bool snapshot(const char *name, bool delta, struct stack *stack, const struct stack *lowers)
{
	struct stack next = {};
	json_t *report = run("livesnap", format("{\"version\":%d,\"upper\":\"%s/ulive/up\",\"out\":\"%s/%s\",\"base_manifest\":%s,\"manifest\":\"%s/%s.files\",\"lease_ms\":5000,"
						"\"memory_budget\":%d,\"threads\":2,\"passes\":%u}",
						PROTOCOL_VERSION, pool, pool, name, delta ? format("\"%s/%s.files\"", pool, stack->names[0]) : "null", pool, name,
						pick(3) ? 64 << 20 : 100000, 1 + pick(3)));
	bool is_delta;

	if (!report)
		return false;
	is_delta = json_is_true(json_object_get(report, "delta"));
	snprintf(next.names[next.n++], 8, "%s", name);
	for (int i = 0; i < (is_delta ? stack : lowers)->n; i++)
		strcpy(next.names[next.n++], (is_delta ? stack : lowers)->names[i]);
	*stack = next;
	deltas += is_delta;
	fulls += delta && !is_delta;
	json_decref(report);
	return true;
}

/* Through a mount, where trusted.overlay.overlay.* means what it meant in the live view. */
static const char *compare_stack(const struct stack *stack, bool merged)
{
	const char *difference;

	if (!mount_stack(stack, NULL, "view"))
		return "cannot be mounted";
	difference = compare_trees("live", "view", merged);
	umount2("view", MNT_DETACH);
	return difference;
}

static const char *check_compositions(const struct stack *stack, int k)
{
	struct stack merged;
	int from = (int)pick((unsigned)stack->n), to = from + 1 + (int)pick((unsigned)(stack->n - from));
	const char *difference = NULL;

	if (!compose(stack, from, to, format("c%da", k), &merged))
		return "compose failed";
	difference = compare_stack(&merged, true);
	if (difference)
		return format("layers %d to %d of %d as one: %s", from, to - 1, stack->n, difference);
	if (!compose(stack, 0, stack->n, format("c%db", k), &merged))
		return "compose failed";
	difference = compare_stack(&merged, true);
	return difference ? format("all as one: %s", difference) : NULL;
}

/* The live stack itself, as a stopped container is copied: its upper is the first layer. */
static const char *check_copy(const struct stack *lowers)
{
	json_t *report = run("compose", format("{\"version\":%d,\"pool\":\"%s\",\"layers\":[\"ulive/up\",\"%s\",\"%s\"],\"keep_whiteouts\":false,\"out\":\"copy\",\"reflink\":true}",
					       PROTOCOL_VERSION, pool, lowers->names[0], lowers->names[1]));

	json_decref(report);
	return report ? compare_stack(&(struct stack){ .names = { "copy" }, .n = 1 }, true) : "compose failed";
}

static const char *round_trip(void)
{
	struct stack lowers = { .n = 1 }, stack = {};
	const char *difference = NULL;

	strcpy(lowers.names[0], "base");
	mkdir("base", 0755);
	change("base", 120, false);
	make_upper("u1");
	if (!mount_stack(&lowers, "u1", "live"))
		return "no mount";
	change("live", 60, true);
	umount2("live", MNT_DETACH);
	if (rename("u1/up", "l1") < 0)
		return "rename";
	strcpy(lowers.names[1], "base");
	strcpy(lowers.names[0], "l1");
	lowers.n = 2;
	stack = lowers;
	make_upper("ulive");
	if (!mount_stack(&lowers, "ulive", "live"))
		return "no mount";
	for (int k = 0; k < SNAPSHOTS && !difference; k++) {
		change("live", CHANGES / (1 + (int)pick(4)), true);
		if (!snapshot(format("s%d", k), k > 0, &stack, &lowers))
			return "livesnap failed";
		difference = compare_stack(&stack, false);
		if (difference)
			return format("snapshot %d, layer %s: %s", k, stack.names[0], difference);
		difference = check_compositions(&stack, k);
	}
	return difference ? difference : check_copy(&lowers);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 25, seed = argc > 2 ? atoi(argv[2]) : 1;

	if (!enter_pool(argv[0]))
		return tap_done();
	for (int i = 0; i < rounds; i++) {
		const char *difference;

		clear_pool();
		random_state = (uint64_t)(seed + i) * 0x9e3779b97f4a7c15U + 1;
		difference = round_trip();
		ok(!difference, "seed %d%s%s", seed + i, difference ? ": " : "", difference ? difference : "");
		if (difference && getenv("KEEP"))
			return 1;
	}
	ok(rounds < 10 || (deltas > rounds && fulls > 0), "%d deltas, %d that had to be full copies", deltas, fulls);
	return leave_pool();
}
