#include "netlink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { RECEIVE_SIZE = 32 << 10, MAX_FOREIGN = 4096, PATIENCE_SECONDS = 5 };

int nl_open(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), on = 1, r;
	struct timeval patience = {.tv_sec = PATIENCE_SECONDS};

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	/* reasons in words where the kernel has them, and acknowledgements without our request in them */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

void *nl_begin(struct nl_request *request, uint16_t type, uint16_t flags, size_t fixed)
{
	memset(request, 0, sizeof(*request));
	request->header = (struct nlmsghdr){
		.nlmsg_len = (uint32_t)NLMSG_SPACE(fixed), .nlmsg_type = type, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags)};
	return NLMSG_DATA(&request->header);
}

static struct rtattr *reserve(struct nl_request *request, uint16_t type, size_t size)
{
	struct rtattr *attr = (void *)(request->data + request->header.nlmsg_len);

	if (request->header.nlmsg_len + RTA_SPACE(size) > sizeof(request->data)) {
		request->overflow = true;
		return (void *)(request->data + sizeof(request->data) - RTA_SPACE(size));
	}
	attr->rta_type = type;
	attr->rta_len = (uint16_t)RTA_LENGTH(size);
	request->header.nlmsg_len += (uint32_t)RTA_SPACE(size);
	return attr;
}

void nl_put(struct nl_request *request, uint16_t type, const void *data, size_t size)
{
	if (size > 256) {
		request->overflow = true;
		return;
	}
	if (size)
		memcpy(RTA_DATA(reserve(request, type, size)), data, size);
	else
		reserve(request, type, 0);
}

void nl_put_u32(struct nl_request *request, uint16_t type, uint32_t value)
{
	nl_put(request, type, &value, sizeof(value));
}

void nl_put_text(struct nl_request *request, uint16_t type, const char *text)
{
	nl_put(request, type, text, strlen(text) + 1);
}

struct rtattr *nl_nest(struct nl_request *request, uint16_t type)
{
	return reserve(request, type, 0);
}

void nl_end(struct nl_request *request, struct rtattr *nest)
{
	nest->rta_len = (uint16_t)(request->data + request->header.nlmsg_len - (char *)nest);
}

/* What others have sent to our port may leave the kernel no room to answer. */
static void drain(int fd)
{
	char data[64];

	for (int i = 0; i < MAX_FOREIGN && recv(fd, data, sizeof(data), MSG_DONTWAIT | MSG_TRUNC) >= 0; i++)
		;
}

static int transmit(int fd, struct nl_request *request)
{
	static uint32_t sequence;

	if (request->overflow)
		return -EMSGSIZE;
	drain(fd);
	request->header.nlmsg_seq = ++sequence;
	return send(fd, request->data, request->header.nlmsg_len, 0) < 0 ? -errno : 0;
}

/* Only the kernel (port 0) is believed: root of the namespace may send to our port, but not keep us for ever. */
static ssize_t receive(int fd, char *data)
{
	struct sockaddr_nl from;
	struct iovec part = {.iov_base = data, .iov_len = RECEIVE_SIZE};
	struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1};

	for (int foreign = 0; foreign < MAX_FOREIGN; foreign++) {
		ssize_t n;
		message.msg_namelen = sizeof(from);
		n = recvmsg(fd, &message, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (message.msg_namelen == sizeof(from) && from.nl_pid == 0)
			return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
	}
	return -EBUSY;
}

/* 1: the end has come, with its result in *ret. */
static int take(char *data, ssize_t size, uint32_t sequence, void (*each)(const struct nlmsghdr *, void *), void *arg, int *ret)
{
	size_t left = (size_t)size;

	for (struct nlmsghdr *message = (void *)data; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
		if (message->nlmsg_seq != sequence)
			continue;
		if (message->nlmsg_type == NLMSG_ERROR) {
			*ret = ((struct nlmsgerr *)NLMSG_DATA(message))->error;
			return 1;
		}
		if (message->nlmsg_type == NLMSG_DONE) {
			*ret = 0;
			return 1;
		}
		if (each)
			each(message, arg);
	}
	return 0;
}

static int collect(int fd, uint32_t sequence, void (*each)(const struct nlmsghdr *, void *), void *arg)
{
	char *data = malloc(RECEIVE_SIZE);
	int r = data ? 0 : -ENOMEM, done = 0;

	while (r == 0 && !done) {
		ssize_t n = receive(fd, data);
		if (n < 0)
			r = (int)n;
		else
			done = take(data, n, sequence, each, arg, &r);
	}
	free(data);
	return r;
}

int nl_query(int fd, struct nl_request *request, void (*each)(const struct nlmsghdr *, void *), void *arg)
{
	int r;

	request->header.nlmsg_flags |= NLM_F_ACK;
	r = transmit(fd, request);
	return r < 0 ? r : collect(fd, request->header.nlmsg_seq, each, arg);
}

int nl_ask(int fd, struct nl_request *request)
{
	return nl_query(fd, request, NULL, NULL);
}

int nl_dump(int fd, struct nl_request *request, void (*each)(const struct nlmsghdr *, void *), void *arg)
{
	int r;

	request->header.nlmsg_flags |= NLM_F_DUMP;
	r = transmit(fd, request);
	return r < 0 ? r : collect(fd, request->header.nlmsg_seq, each, arg);
}

const struct rtattr *nl_find(const struct rtattr *first, size_t size, uint16_t type)
{
	for (const struct rtattr *attr = first; RTA_OK(attr, size); attr = RTA_NEXT(attr, size))
		if ((attr->rta_type & NLA_TYPE_MASK) == type)
			return attr;
	return NULL;
}
