/* Names of layers, the options of an overlay made of them, and what the kernel says is mounted. */
#include "cleanup.h"
#include "mountinfo.h"
#include "storage.h"
#include "tap.h"

#include <errno.h>
#include <string.h>

static void test_names(void)
{
	static char *const good[] = {(char *)"a", (char *)"u12345", (char *)"abcdefg"};
	static char *const bad[] = {(char *)"", (char *)"abcdefgh", (char *)"..", (char *)"a/b", (char *)"a:b", (char *)"a,b", (char *)"A", (char *)"a\\"};
	cleanup_free char *options = NULL;
	struct stack stack = {.lowers = good, .n_lowers = 3, .upper = "u00001"};
	bool refused = true;

	ok(overlay_options(&stack, &options) == 0 &&
	   strcmp(options, "redirect_dir=on,index=off,metacopy=off,lowerdir=a:u12345:abcdefg,upperdir=u00001/up,workdir=u00001/wk") == 0, "options, all of them");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cleanup_free char *none = NULL;
		struct stack wrong = {.lowers = &bad[i], .n_lowers = 1};

		refused &= overlay_options(&wrong, &none) == -EINVAL;
		wrong = (struct stack){.lowers = good, .n_lowers = 1, .upper = bad[i]};
		refused &= overlay_options(&wrong, &none) == -EINVAL;
	}
	ok(refused, "names that could leave the pool, or end an option, are refused");
	stack = (struct stack){.lowers = good, .n_lowers = 2, .upper = "u00001", .memory = true};
	free(steal_ptr(&options));
	ok(overlay_options(&stack, &options) == 0 &&
	   strcmp(options, "redirect_dir=on,index=off,metacopy=off,lowerdir=u00001/up:a:u12345,upperdir=u00001/wk/up,workdir=u00001/wk/wk") == 0,
	   "an upper in memory is on top of what the disk has of it");
}

static void test_many_names(void)
{
	static char *many[STORAGE_MAX_LOWERS + 1];
	cleanup_free char *options = NULL, *more = NULL;
	struct stack stack = {.lowers = many, .n_lowers = STORAGE_MAX_LOWERS, .upper = "u000001", .volatile_ = true};

	for (size_t i = 0; i <= STORAGE_MAX_LOWERS; i++)
		many[i] = (char *)"abcdefg";
	ok(overlay_options(&stack, &options) == 0 && strlen(options) < 4096, "500 of the longest names fit into a page");
	stack.memory = true;
	ok(overlay_options(&stack, &more) == -E2BIG, "with an upper in memory, which is one more, they are refused");
	stack.memory = false;
	stack.n_lowers++;
	ok(overlay_options(&stack, &more) == -E2BIG, "501 are refused");
	stack.n_lowers = 0;
	ok(overlay_options(&stack, &more) == -EINVAL, "none are refused");
}

static void test_mountinfo(void)
{
	char text[] = "36 35 98:0 /a\\040b /mnt\\134x rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
		      "nonsense\n"
		      "37 36 0:41 / /v ro,nosuid - overlay tlxc-view rw,lowerdir=a:b,upperdir=u1/up\n";
	struct mount_line line;
	char *rest = text;

	ok(mount_line_next(&rest, &line) && line.id == 36 && line.major == 98 && strcmp(line.root, "/a b") == 0 && strcmp(line.point, "/mnt\\x") == 0 &&
	   strcmp(line.type, "ext3") == 0 && strcmp(line.source, "/dev/root") == 0, "a line of mountinfo, escapes undone");
	ok(mount_line_next(&rest, &line) && line.id == 37 && mount_line_option(line.super_options, "lowerdir", "a:b") &&
	   !mount_line_option(line.super_options, "lowerdir", "a") && mount_line_option(line.options, "ro", NULL) &&
	   !mount_line_option(line.options, "r", NULL), "its options");
	ok(!mount_line_next(&rest, &line), "the end");
	strcpy(text, "8 3 3:3 - -\n8 3 3:3 / - - -");
	rest = text;
	ok(!mount_line_next(&rest, &line), "lines that end too early are none");
}

int main(void)
{
	test_names();
	test_many_names();
	test_mountinfo();
	return tap_done();
}
