/* Every golden plan of the planner is decoded here, comes back whole, and is refused with a field that nobody knows. */
#include "protocol.gen.h"
#include "tap.h"

#include <glob.h>
#include <string.h>

/* The planner writes no nulls where the encoder leaves the field out. */
static void drop_nulls(json_t *json)
{
	const char *key;
	void *next;
	json_t *value;
	size_t i;

	json_object_foreach_safe(json, next, key, value) {
		drop_nulls(value);
		if (json_is_null(value))
			json_object_del(json, key);
	}
	json_array_foreach(json, i, value)
		drop_nulls(value);
}

static bool comes_back(json_t *json, struct proto_error *err)
{
	struct plan plan = { 0 };
	json_t *again;
	bool same;

	if (plan_decode(json, &plan, err) < 0)
		return false;
	again = plan_encode(&plan);
	same = again && json_equal(json, again);
	plan_clear(&plan);
	json_decref(again);
	return same;
}

static void check(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	struct proto_error err = { 0 };
	struct plan plan = { 0 };
	json_t *json = json_load_file(path, 0, NULL);

	drop_nulls(json);
	ok(comes_back(json, &err), "%s comes back whole %s %s", name, err.path, err.reason);
	json_object_set_new(json_object_get(json, "init"), "surprise", json_true());
	ok(plan_decode(json, &plan, &err) < 0 && strstr(err.path, "init"), "%s with an unknown field is refused", name);
	json_decref(json);
}

int main(void)
{
	glob_t found;

	ok(glob("../test/golden/plans/*.json", 0, NULL, &found) == 0 && found.gl_pathc >= 10, "there are golden plans");
	for (size_t i = 0; i < found.gl_pathc; i++)
		check(found.gl_pathv[i]);
	globfree(&found);
	return tap_done();
}
