/* A pair of devices: one inside, one on the host, on a bridge if the plan says so. */
#include "net-host.h"

#include "netlink.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/random.h>

enum { NAME_TRIES = 16 };

static void random_name(char ret[IFNAMSIZ])
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	uint8_t bytes[6] = {0};

	(void)!getrandom(bytes, sizeof(bytes), 0);
	snprintf(ret, IFNAMSIZ, "veth");
	for (size_t i = 0; i < sizeof(bytes); i++)
		ret[4 + i] = letters[bytes[i] % (sizeof(letters) - 1)];
	ret[10] = '\0';
}

static int ask_veth(const struct making *making, unsigned int bridge)
{
	const struct net_device *device = making->device;
	struct nl_request request;
	struct ifinfomsg *info = nl_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info));
	struct rtattr *link, *data, *peer;
	/* High, so that the bridge, which takes the lowest address of its ports as its own, never takes this one. */
	uint8_t mac[NET_MAC] = {0xfe};
	int r;

	(void)!getrandom(mac + 1, sizeof(mac) - 1, 0);
	info->ifi_flags = info->ifi_change = IFF_UP;
	nl_put_text(&request, IFLA_IFNAME, making->host);
	nl_put(&request, IFLA_ADDRESS, mac, sizeof(mac));
	if (device->mtu.set)
		nl_put_u32(&request, IFLA_MTU, (uint32_t)device->mtu.value);
	if (bridge)
		nl_put_u32(&request, IFLA_MASTER, bridge);
	if (device->n_rxqueues.set)
		nl_put_u32(&request, IFLA_NUM_RX_QUEUES, (uint32_t)device->n_rxqueues.value);
	if (device->n_txqueues.set)
		nl_put_u32(&request, IFLA_NUM_TX_QUEUES, (uint32_t)device->n_txqueues.value);
	link = net_begin_info(&request, "veth", &data);
	peer = nl_nest(&request, VETH_INFO_PEER);
	request.header.nlmsg_len += (uint32_t)NLMSG_ALIGN(sizeof(struct ifinfomsg)); /* all zero */
	nl_put_text(&request, IFLA_IFNAME, making->inside);
	r = net_put_mac(&request, device->hwaddr);
	if (device->mtu.set)
		nl_put_u32(&request, IFLA_MTU, (uint32_t)device->mtu.value);
	if (device->n_rxqueues.set)
		nl_put_u32(&request, IFLA_NUM_RX_QUEUES, (uint32_t)device->n_rxqueues.value);
	if (device->n_txqueues.set)
		nl_put_u32(&request, IFLA_NUM_TX_QUEUES, (uint32_t)device->n_txqueues.value);
	nl_put_u32(&request, IFLA_NET_NS_FD, (uint32_t)making->netns);
	nl_end(&request, peer);
	nl_end(&request, data);
	nl_end(&request, link);
	return r < 0 ? r : nl_ask(making->nl, &request);
}

static void mark(const struct making *making, unsigned int index)
{
	struct nl_request request;
	struct ifinfomsg *info = nl_begin(&request, RTM_NEWLINK, 0, sizeof(*info));
	char alias[96];

	info->ifi_index = (int)index;
	net_alias(making->plan->run_dir, alias);
	nl_put(&request, IFLA_IFALIAS, alias, strlen(alias));
	if (index)
		(void)nl_ask(making->nl, &request);
}

int net_make_veth(struct making *making)
{
	const struct net_device *device = making->device;
	bool router = device->mode && strcmp(device->mode, "router") == 0;
	unsigned int bridge = 0, index;
	int r = device->link && !router ? net_link_index(making, &bridge) : 0;

	if (r < 0)
		return r;
	for (int i = 0; i < NAME_TRIES; i++) {
		/* a leftover of ours, of a monitor that was killed, is no reason to fail */
		if (device->host_name)
			snprintf(making->host, sizeof(making->host), "%s", device->host_name);
		else
			random_name(making->host);
		r = ask_veth(making, bridge);
		if (r != -EEXIST || (device->host_name && (!net_is_ours(making->plan->run_dir, making->host) || net_delete(making->host) < 0)))
			break;
	}
	if (r < 0)
		return net_tell(making, r, "make the veth pair", making->host);
	index = if_nametoindex(making->host);
	mark(making, index);
	r = net_remember(making->net, making->host, making->inside, (size_t)(device - making->plan->network), false);
	if (r == 0)
		making->net->links[making->net->n_links - 1].ifindex = index;
	return r;
}

static int bridge_vlan(const struct making *making, uint16_t type, uint16_t id, uint16_t flags)
{
	struct nl_request request;
	struct ifinfomsg *info = nl_begin(&request, type, 0, sizeof(*info));
	struct bridge_vlan_info vlan = {.flags = flags, .vid = id};
	struct rtattr *spec;

	info->ifi_family = AF_BRIDGE;
	info->ifi_index = (int)if_nametoindex(making->host);
	spec = nl_nest(&request, IFLA_AF_SPEC);
	nl_put(&request, IFLA_BRIDGE_VLAN_INFO, &vlan, sizeof(vlan));
	nl_end(&request, spec);
	return nl_ask(making->nl, &request);
}

int net_set_vlans(const struct making *making)
{
	const struct net_device *device = making->device;
	int r = 0;

	if (!device->bridge_vlan_id && device->n_bridge_vlan_tagged == 0)
		return 0;
	/* every port begins in the default VLAN, 1 */
	if (device->bridge_vlan_id)
		(void)bridge_vlan(making, RTM_DELLINK, 1, 0);
	if (device->bridge_vlan_id && strcmp(device->bridge_vlan_id, "none") != 0)
		r = bridge_vlan(making, RTM_SETLINK, (uint16_t)atoi(device->bridge_vlan_id), BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
	for (size_t i = 0; r == 0 && i < device->n_bridge_vlan_tagged; i++)
		r = bridge_vlan(making, RTM_SETLINK, (uint16_t)device->bridge_vlan_tagged[i], 0);
	return r < 0 ? net_tell(making, r, "set its VLANs on the bridge", making->host) : 0;
}
