/* rtnetlink by hand: messages built in a fixed buffer, one request and its answers at a time. Returns 0 or -errno; never logs. */
#pragma once
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NL_BUFFER = 4096 };

struct nl_request {
	union {
		struct nlmsghdr header;
		char data[NL_BUFFER];
	};
	bool overflow;
};

/* The socket, or -errno. */
int nl_open(void);
/* Begins a message with its fixed part (ifinfomsg, rtmsg, …), which is zeroed and returned. */
void *nl_begin(struct nl_request *request, uint16_t type, uint16_t flags, size_t fixed);
void nl_put(struct nl_request *request, uint16_t type, const void *data, size_t size);
void nl_put_u32(struct nl_request *request, uint16_t type, uint32_t value);
void nl_put_text(struct nl_request *request, uint16_t type, const char *text);
struct rtattr *nl_nest(struct nl_request *request, uint16_t type);
void nl_end(struct nl_request *request, struct rtattr *nest);
/* Sends, waits for the acknowledgement, returns what it says. */
int nl_ask(int fd, struct nl_request *request);
/* As nl_ask, and calls back for what comes before it. */
int nl_query(int fd, struct nl_request *request, void (*each)(const struct nlmsghdr *message, void *arg), void *arg);
/* Sends a dump request and calls back for every message. */
int nl_dump(int fd, struct nl_request *request, void (*each)(const struct nlmsghdr *message, void *arg), void *arg);
/* Finds an attribute among size bytes of them, or NULL. */
const struct rtattr *nl_find(const struct rtattr *first, size_t size, uint16_t type);
