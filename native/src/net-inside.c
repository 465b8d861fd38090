/* The network as the container sees it: names, addresses, routes. The monitor has made and moved the devices. */
#include "stage.h"

#include "cleanup.h"
#include "plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct net_request {
	struct nlmsghdr header;
	union {
		struct ifaddrmsg address;
		struct rtmsg route;
	};
	char space[256];
};

static void add_attr(struct net_request *request, unsigned short type, const void *data, size_t size)
{
	struct rtattr *attr = (struct rtattr *)(void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));

	attr->rta_type = type;
	attr->rta_len = (unsigned short)RTA_LENGTH(size);
	memcpy(RTA_DATA(attr), data, size);
	request->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attr->rta_len));
}

/* Sends one request and reads its acknowledgement. */
static int talk(int sock, struct net_request *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char space[1024];
	} answer;

	if (send(sock, request, request->header.nlmsg_len, 0) < 0)
		return -errno;
	if (recv(sock, &answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(answer.error)) || answer.header.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return answer.error.error;
}

static int parse(const char *text, int *ret_family, unsigned char bytes[16])
{
	*ret_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	return inet_pton(*ret_family, text, bytes) == 1 ? 0 : -EINVAL;
}

static size_t address_size(int family)
{
	return family == AF_INET6 ? 16 : 4;
}

/* Without one in the plan the broadcast address of IPv4 is the last of the subnet, as ifconfig(8) and LXC have it. */
static int get_broadcast(const struct address *address, const unsigned char ip[4], unsigned char bytes[4])
{
	int family;
	unsigned char given[16];

	if (address->broadcast) {
		if (parse(address->broadcast, &family, given) < 0 || family != AF_INET)
			return -EINVAL;
		memcpy(bytes, given, 4);
		return 0;
	}
	for (unsigned int i = 0; i < 32; i++) {
		unsigned char bit = (unsigned char)(0x80 >> (i % 8));
		bytes[i / 8] = (unsigned char)(i % 8 ? bytes[i / 8] : ip[i / 8]);
		if (i >= address->prefix)
			bytes[i / 8] |= bit;
	}
	return 0;
}

static int add_address(int sock, int ifindex, const struct address *address)
{
	struct net_request request = { .header = { .nlmsg_len = NLMSG_LENGTH(sizeof(request.address)),
					       .nlmsg_type = RTM_NEWADDR,
					       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL } };
	unsigned char ip[16], broadcast[4];
	uint32_t flags = IFA_F_NODAD;
	int family, r = parse(address->address, &family, ip);

	if (r < 0)
		return r;
	request.address.ifa_family = (unsigned char)family;
	request.address.ifa_prefixlen = (unsigned char)address->prefix;
	request.address.ifa_index = (unsigned int)ifindex;
	add_attr(&request, IFA_LOCAL, ip, address_size(family));
	add_attr(&request, IFA_ADDRESS, ip, address_size(family));
	if (family == AF_INET6) {
		add_attr(&request, IFA_FLAGS, &flags, sizeof(flags));
	} else if (address->prefix < 31 || address->broadcast) {
		r = get_broadcast(address, ip, broadcast);
		if (r < 0)
			return r;
		add_attr(&request, IFA_BROADCAST, broadcast, sizeof(broadcast));
	}
	return talk(sock, &request);
}

/* gateway NULL: through the device itself. destination NULL: the default route. */
static int add_route(int sock, int ifindex, int family, const unsigned char *destination, const unsigned char *gateway)
{
	struct net_request request = { .header = { .nlmsg_len = NLMSG_LENGTH(sizeof(request.route)),
					       .nlmsg_type = RTM_NEWROUTE,
					       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE } };

	request.route.rtm_family = (unsigned char)family;
	request.route.rtm_table = RT_TABLE_MAIN;
	request.route.rtm_protocol = RTPROT_BOOT;
	request.route.rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	request.route.rtm_type = RTN_UNICAST;
	if (destination) {
		request.route.rtm_dst_len = (unsigned char)(address_size(family) * 8);
		add_attr(&request, RTA_DST, destination, address_size(family));
	}
	if (gateway)
		add_attr(&request, RTA_GATEWAY, gateway, address_size(family));
	add_attr(&request, RTA_OIF, &ifindex, sizeof(ifindex));
	return talk(sock, &request);
}

/* A gateway outside of every subnet of the device is reached through a host route first. */
static int add_gateway(int sock, int ifindex, int family, const char *text)
{
	unsigned char gateway[16];
	int got, r;

	if (strcmp(text, "dev") == 0)
		return add_route(sock, ifindex, family, NULL, NULL);
	if (parse(text, &got, gateway) < 0 || got != family)
		return -EINVAL;
	r = add_route(sock, ifindex, family, NULL, gateway);
	if (r != -ENETUNREACH && r != -EHOSTUNREACH)
		return r;
	r = add_route(sock, ifindex, family, gateway, NULL);
	return r < 0 ? r : add_route(sock, ifindex, family, NULL, gateway);
}

static int set_up(int sock, const char *name)
{
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(sock, SIOCGIFFLAGS, &request) < 0)
		return -errno;
	request.ifr_flags |= IFF_UP;
	return ioctl(sock, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

static int configure(struct stage *stage, int netlink, int sock, const struct net_device *device, const char *name)
{
	int ifindex = (int)if_nametoindex(name), r = 0;

	if (ifindex == 0)
		return stage_fail(stage, -errno, "network", "if_nametoindex", "%s", name);
	for (size_t i = 0; i < device->n_addresses; i++) {
		r = add_address(netlink, ifindex, &device->addresses[i]);
		if (r < 0)
			return stage_fail(stage, r, "network", "RTM_NEWADDR", "%s/%ju on %s", device->addresses[i].address,
					  (uintmax_t)device->addresses[i].prefix, name);
	}
	if (device->up)
		r = set_up(sock, name);
	if (r < 0)
		return stage_fail(stage, r, "network", "SIOCSIFFLAGS", "%s up", name);
	if (device->gateway4)
		r = add_gateway(netlink, ifindex, AF_INET, device->gateway4);
	if (r < 0)
		return stage_fail(stage, r, "network", "RTM_NEWROUTE", "gateway %s on %s", device->gateway4, name);
	if (device->gateway6)
		r = add_gateway(netlink, ifindex, AF_INET6, device->gateway6);
	return r < 0 ? stage_fail(stage, r, "network", "RTM_NEWROUTE", "gateway %s on %s", device->gateway6, name) : 0;
}

/* The monitor moves each device in under this very name. */
static void name_inside(const struct net_device *device, size_t position, char name[IFNAMSIZ])
{
	if (device->name)
		snprintf(name, IFNAMSIZ, "%s", device->name);
	else if (device->type == NET_TYPE_PHYS && device->link)
		snprintf(name, IFNAMSIZ, "%s", device->link);
	else
		snprintf(name, IFNAMSIZ, "eth%zu", position);
}

int stage_network(struct stage *stage)
{
	cleanup_fd int netlink = -1, sock = -1;
	size_t position = 0;
	int r;

	stage_doing(stage, "set up the network");
	if (!plan_makes(&stage->plan, NAMESPACE_NET))
		return 0;
	netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (netlink < 0 || sock < 0)
		return stage_fail(stage, -errno, "network", "socket", "netlink");
	r = set_up(sock, "lo");
	if (r < 0)
		return stage_fail(stage, r, "network", "SIOCSIFFLAGS", "lo up");
	for (size_t i = 0; i < stage->plan.n_network; i++) {
		const struct net_device *device = &stage->plan.network[i];
		char name[IFNAMSIZ];

		if (device->type == NET_TYPE_EMPTY)
			continue;
		name_inside(device, position++, name);
		stage_doing(stage, "set up the network device %s", name);
		r = configure(stage, netlink, sock, device, name);
		if (r < 0)
			return r;
	}
	return 0;
}
