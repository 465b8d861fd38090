/* The monotonic clock, for deadlines and for what something took. */
#pragma once
#include <stdint.h>

uint64_t monotonic_ms(void);
uint64_t monotonic_us(void);
