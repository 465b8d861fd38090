/* Device rules as a BPF program. Pure but for devices_attach() in monitor.h. */
#pragma once
#include "protocol.gen.h"

struct bpf_insn;

/* Bits of BPF_DEVCG_ACC_*. */
enum { DEVICE_MKNOD = 1, DEVICE_READ = 2, DEVICE_WRITE = 4 };

struct device_match {
	char type; /* a, b or c */
	int64_t major, minor; /* -1: any */
	unsigned int access;
};

/* "a", or "c|b MAJ:MIN rwm" with * for any number; -EINVAL. */
int device_rule_parse(const char *text, struct device_match *ret);
/* The program for the rules of version 2; *ret_n is 0 when there is none. */
int devices_program(const struct device_rule *rules, size_t n_rules, struct bpf_insn **ret, size_t *ret_n);
