#include "passwd.h"

#include "tap.h"

#include <errno.h>
#include <string.h>

static bool finds(const char *text, uint32_t uid, const char *name, const char *home, const char *shell)
{
	struct passwd_entry entry = { 0 };
	bool good = passwd_find(text, strlen(text), uid, &entry) == 0 && strcmp(entry.name, name) == 0 && strcmp(entry.home, home) == 0 &&
		    strcmp(entry.shell, shell) == 0;

	passwd_clear(&entry);
	return good;
}

static bool misses(const char *text, size_t size, uint32_t uid)
{
	struct passwd_entry entry = { 0 };

	return passwd_find(text, size, uid, &entry) == -ENOENT && !entry.name;
}

int main(void)
{
	static const char TWO[] = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000:Ann,,,:/home/ann:/bin/bash";
	static const char NUL[] = "a\0b:x:1:1::/:/bin/sh\n";

	ok(finds(TWO, 0, "root", "/root", "/bin/sh"), "first line");
	ok(finds(TWO, 1000, "ann", "/home/ann", "/bin/bash"), "last line without newline");
	ok(misses(TWO, strlen(TWO), 1), "no such uid");
	ok(finds("x\n:::\n+::::::\na:x:7:7::/h:\n", 7, "a", "/h", ""), "malformed lines are passed over, an empty shell is kept");
	ok(misses("a:x:1x:1::/:/s\na:x:-1:1::/:/s\na:x::1::/:/s\n", 40, 1), "a uid is digits only");
	ok(misses("a:x:4294967296:1::/:/s\n", 23, 0), "a uid does not wrap");
	ok(finds("a:x:4294967295:1::/:/s\n", 4294967295U, "a", "/", "/s"), "the largest uid");
	ok(misses("a:x:5:5::/:/s:more\n", 19, 5), "eight fields are no entry");
	ok(misses(":x:5:5::/:/s\n", 13, 5), "no name is no entry");
	ok(misses(NUL, sizeof(NUL) - 1, 1), "a NUL byte is no entry");
	ok(misses("", 0, 0), "empty");
	return tap_done();
}
