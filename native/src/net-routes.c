/* What the host does for the container's addresses: routes to them, and answering for them (l2proxy). */
#include "net-host.h"

#include "fd.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static int parse_route(const char *text, int family, uint8_t ret[16], uint8_t *ret_length)
{
	char address[64];
	const char *slash = strchr(text, '/');
	int length = slash ? atoi(slash + 1) : family == AF_INET ? 32 : 128;

	snprintf(address, sizeof(address), "%.*s", (int)(slash ? slash - text : (long)strlen(text)), text);
	*ret_length = (uint8_t)length;
	return length < 0 || length > (family == AF_INET ? 32 : 128) || inet_pton(family, address, ret) != 1 ? -EINVAL : 0;
}

static int add_route(const struct making *making, const char *text, int family)
{
	struct nl_request request;
	struct rtmsg *route = nl_begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*route));
	uint8_t address[16], length;
	int r = parse_route(text, family, address, &length);

	if (r < 0)
		return net_tell(making, r, "no network", text);
	*route = (struct rtmsg){.rtm_family = (uint8_t)family, .rtm_dst_len = length, .rtm_table = RT_TABLE_MAIN,
				.rtm_protocol = RTPROT_BOOT, .rtm_scope = RT_SCOPE_LINK, .rtm_type = RTN_UNICAST};
	nl_put(&request, RTA_DST, address, family == AF_INET ? 4 : 16);
	nl_put_u32(&request, RTA_OIF, if_nametoindex(making->host));
	r = nl_ask(making->nl, &request);
	return r < 0 ? net_tell(making, r, "add a route on the host", text) : 0;
}

int net_add_routes(const struct making *making)
{
	const struct net_device *device = making->device;
	int r = 0;

	for (size_t i = 0; r == 0 && i < device->n_routes4; i++)
		r = add_route(making, device->routes4[i], AF_INET);
	for (size_t i = 0; r == 0 && i < device->n_routes6; i++)
		r = add_route(making, device->routes6[i], AF_INET6);
	return r;
}

static int write_sysctl(const struct making *making, const char *family, const char *name, const char *key)
{
	char path[128];
	int r;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, name, key);
	r = fd_write_file(AT_FDCWD, path, "1");
	return r < 0 ? net_tell(making, r, "set up l2proxy", path) : 0;
}

/* The host answers for the container's addresses on the parent's link: forwarding, and neighbour proxies. */
int net_set_l2proxy(const struct making *making)
{
	const char *name = *making->host ? making->host : making->device->link;
	int v4 = 0, v6 = 0, r = 0;

	if (!making->device->l2proxy || !name)
		return 0;
	for (size_t i = 0; i < making->device->n_addresses; i++)
		*(making->device->addresses[i].family == 4 ? &v4 : &v6) = 1;
	if (v4)
		r = write_sysctl(making, "ipv4", name, "forwarding");
	if (r == 0 && v6)
		r = write_sysctl(making, "ipv6", name, "forwarding");
	if (r == 0 && v6)
		r = write_sysctl(making, "ipv6", name, "proxy_ndp");
	return r < 0 ? r : v4 && making->device->link ? write_sysctl(making, "ipv4", making->device->link, "proxy_arp") : 0;
}
