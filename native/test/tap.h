/* The Test Anything Protocol, as far as it is needed here. */
#pragma once
#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failed;

#define ok(condition, ...) \
	do { \
		bool good_ = (condition); \
		tap_failed += !good_; \
		printf("%sok %d - ", good_ ? "" : "not ", ++tap_count); \
		printf(__VA_ARGS__); \
		printf("\n"); \
	} while (0)

#define skip(...) \
	do { \
		printf("ok %d - # SKIP ", ++tap_count); \
		printf(__VA_ARGS__); \
		printf("\n"); \
	} while (0)

static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}
