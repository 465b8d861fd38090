/* Devices on top of one of the host's: macvlan, ipvlan, vlan. */
#include "net-host.h"

#include "netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <string.h>

static int named(const char *const names[], const uint32_t values[], const char *text, uint32_t fallback, uint32_t *ret)
{
	*ret = fallback;
	for (size_t i = 0; text && names[i]; i++) {
		if (strcmp(names[i], text) == 0) {
			*ret = values[i];
			return 0;
		}
	}
	return text ? -EINVAL : 0;
}

static int put_macvlan(struct nl_request *request, const struct net_device *device)
{
	uint32_t mode;
	int r = named((const char *const[]){"private", "vepa", "bridge", "passthru", NULL},
		      (const uint32_t[]){MACVLAN_MODE_PRIVATE, MACVLAN_MODE_VEPA, MACVLAN_MODE_BRIDGE, MACVLAN_MODE_PASSTHRU}, device->mode,
		      MACVLAN_MODE_PRIVATE, &mode);

	nl_put_u32(request, IFLA_MACVLAN_MODE, mode);
	return r;
}

static int put_ipvlan(struct nl_request *request, const struct net_device *device)
{
	uint32_t mode, isolation;
	int r = named((const char *const[]){"l2", "l3", "l3s", NULL}, (const uint32_t[]){IPVLAN_MODE_L2, IPVLAN_MODE_L3, IPVLAN_MODE_L3S},
		      device->mode, IPVLAN_MODE_L3, &mode);

	if (r == 0)
		r = named((const char *const[]){"bridge", "private", "vepa", NULL}, (const uint32_t[]){0, IPVLAN_F_PRIVATE, IPVLAN_F_VEPA},
			  device->isolation, 0, &isolation);
	if (r < 0)
		return r;
	nl_put(request, IFLA_IPVLAN_MODE, &(uint16_t){(uint16_t)mode}, 2);
	if (isolation)
		nl_put(request, IFLA_IPVLAN_FLAGS, &(uint16_t){(uint16_t)isolation}, 2);
	return 0;
}

static int put_vlan(struct nl_request *request, const struct net_device *device)
{
	if (!device->vlan_id.set || device->vlan_id.value > 4094)
		return -EINVAL;
	nl_put(request, IFLA_VLAN_ID, &(uint16_t){(uint16_t)device->vlan_id.value}, 2);
	return 0;
}

/* Made at once in the container's namespace: it never shows on the host, and dies with the namespace. */
static int create_on_parent(struct making *making, const char *kind, int (*put)(struct nl_request *, const struct net_device *))
{
	const struct net_device *device = making->device;
	struct nl_request request;
	struct rtattr *link, *data;
	unsigned int parent;
	int r = net_link_index(making, &parent);

	if (r < 0)
		return r;
	nl_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	nl_put_text(&request, IFLA_IFNAME, making->inside);
	nl_put_u32(&request, IFLA_LINK, parent);
	nl_put_u32(&request, IFLA_NET_NS_FD, (uint32_t)making->netns);
	if (device->mtu.set)
		nl_put_u32(&request, IFLA_MTU, (uint32_t)device->mtu.value);
	r = net_put_mac(&request, device->hwaddr);
	link = net_begin_info(&request, kind, &data);
	if (r == 0)
		r = put(&request, device);
	nl_end(&request, data);
	nl_end(&request, link);
	if (r == 0)
		r = nl_ask(making->nl, &request);
	return r < 0 ? net_tell(making, r, "make the device", device->link) : 0;
}

int net_make_on_parent(struct making *making)
{
	switch (making->device->type) {
	case NET_TYPE_MACVLAN:
		return create_on_parent(making, "macvlan", put_macvlan);
	case NET_TYPE_IPVLAN:
		return create_on_parent(making, "ipvlan", put_ipvlan);
	default:
		return create_on_parent(making, "vlan", put_vlan);
	}
}
