#include "net.h"

#include "cleanup.h"
#include "fd.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <sched.h>
#include <string.h>
#include <sys/random.h>

unsigned int if_nametoindex(const char *name); /* <net/if.h> and <linux/if.h> exclude each other */

enum { NAME_TRIES = 16, MAC = 6 };

struct making {
	struct net *net;
	const struct plan *plan;
	const struct net_device *device;
	struct failure *failure;
	int nl, netns;
	char inside[IFNAMSIZ], host[IFNAMSIZ];
};

static int tell(const struct making *making, int r, const char *what, const char *detail)
{
	return failure_note(making->failure, r, "network", "rtnetlink", detail, "set up lxc.net.%d: %s", (int)making->device->index, what);
}

int net_enter(struct net *net, pid_t init, struct failure *failure)
{
	char path[48];
	cleanup_fd int inside = -1;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)init);
	inside = open(path, O_RDONLY | O_CLOEXEC);
	if (net->host_ns < 0)
		net->host_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (inside < 0 || net->host_ns < 0 || setns(inside, CLONE_NEWNET) < 0)
		return failure_note(failure, -errno, "network", "setns", path, "enter the network namespace");
	net->inside = nl_open();
	r = net->inside;
	if (setns(net->host_ns, CLONE_NEWNET) < 0)
		return failure_note(failure, -errno, "network", "setns", NULL, "leave the network namespace");
	return r < 0 ? failure_note(failure, r, "network", "socket", NULL, "open rtnetlink") : 0;
}

static int parse_mac(const char *text, uint8_t ret[MAC])
{
	char end;

	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &ret[0], &ret[1], &ret[2], &ret[3], &ret[4], &ret[5], &end) == MAC
		       ? 0 : -EINVAL;
}

static int put_mac(struct nl_request *request, const char *text)
{
	uint8_t mac[MAC];

	if (!text)
		return 0;
	if (parse_mac(text, mac) < 0)
		return -EINVAL;
	nl_put(request, IFLA_ADDRESS, mac, sizeof(mac));
	return 0;
}

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

static int link_index(const struct making *making, unsigned int *ret)
{
	const char *link = making->device->link;

	if (!link)
		return tell(making, -EINVAL, "it has no link", making->inside);
	*ret = if_nametoindex(link);
	return *ret ? 0 : tell(making, -ENODEV, "its link does not exist", link);
}

static struct rtattr *begin_info(struct nl_request *request, const char *kind, struct rtattr **ret_data)
{
	struct rtattr *info = nl_nest(request, IFLA_LINKINFO);

	nl_put(request, IFLA_INFO_KIND, kind, strlen(kind));
	*ret_data = nl_nest(request, IFLA_INFO_DATA);
	return info;
}

static int ask_veth(const struct making *making, unsigned int bridge)
{
	const struct net_device *device = making->device;
	struct nl_request request;
	struct ifinfomsg *info = nl_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info));
	struct rtattr *link, *data, *peer;
	/* High, so that the bridge, which takes the lowest address of its ports as its own, never takes this one. */
	uint8_t mac[MAC] = {0xfe};
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
	link = begin_info(&request, "veth", &data);
	peer = nl_nest(&request, VETH_INFO_PEER);
	request.header.nlmsg_len += (uint32_t)NLMSG_ALIGN(sizeof(struct ifinfomsg)); /* all zero */
	nl_put_text(&request, IFLA_IFNAME, making->inside);
	r = put_mac(&request, device->hwaddr);
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

static void mark(const struct making *making)
{
	struct nl_request request;
	struct ifinfomsg *info = nl_begin(&request, RTM_NEWLINK, 0, sizeof(*info));
	char alias[96];

	info->ifi_index = (int)if_nametoindex(making->host);
	net_alias(making->plan->run_dir, alias);
	nl_put(&request, IFLA_IFALIAS, alias, strlen(alias));
	if (info->ifi_index)
		(void)nl_ask(making->nl, &request);
}

static int remember(struct net *net, const char *host, const char *inside, size_t index, bool physical)
{
	struct net_link *more = reallocarray(net->links, net->n_links + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	net->links = more;
	more[net->n_links++] = (struct net_link){.host_name = strdup(host), .inside = strdup(inside), .index = index, .physical = physical};
	return 0;
}

static int create_veth(struct making *making)
{
	const struct net_device *device = making->device;
	bool router = device->mode && strcmp(device->mode, "router") == 0;
	unsigned int bridge = 0;
	int r = device->link && !router ? link_index(making, &bridge) : 0;

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
		return tell(making, r, "make the veth pair", making->host);
	mark(making);
	return remember(making->net, making->host, making->inside, (size_t)(device - making->plan->network), false);
}

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
	int r = link_index(making, &parent);

	if (r < 0)
		return r;
	nl_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	nl_put_text(&request, IFLA_IFNAME, making->inside);
	nl_put_u32(&request, IFLA_LINK, parent);
	nl_put_u32(&request, IFLA_NET_NS_FD, (uint32_t)making->netns);
	if (device->mtu.set)
		nl_put_u32(&request, IFLA_MTU, (uint32_t)device->mtu.value);
	r = put_mac(&request, device->hwaddr);
	link = begin_info(&request, kind, &data);
	if (r == 0)
		r = put(&request, device);
	nl_end(&request, data);
	nl_end(&request, link);
	if (r == 0)
		r = nl_ask(making->nl, &request);
	return r < 0 ? tell(making, r, "make the device", device->link) : 0;
}

/* What is going to be changed is noted: it comes back as it went. */
static int note_original(struct net_link *link, const struct net_device *device)
{
	cleanup_free char *mtu = NULL, *mac = NULL;
	char path[64];
	int r = 0;

	snprintf(path, sizeof(path), "/sys/class/net/%.15s/mtu", device->link);
	if (device->mtu.set)
		r = fd_read_file(AT_FDCWD, path, 64, &mtu, NULL);
	if (r == 0 && mtu)
		link->mtu = (uint32_t)strtoul(mtu, NULL, 10);
	snprintf(path, sizeof(path), "/sys/class/net/%.15s/address", device->link);
	if (r == 0 && device->hwaddr)
		r = fd_read_file(AT_FDCWD, path, 64, &mac, NULL);
	if (r < 0 || !mac)
		return r;
	mac[strcspn(mac, "\n")] = '\0';
	r = parse_mac(mac, link->mac);
	link->has_mac = r == 0;
	return r;
}

static int move_physical(struct making *making)
{
	const struct net_device *device = making->device;
	struct net_link *link;
	uint8_t mac[MAC];
	unsigned int index;
	int r = link_index(making, &index);

	if (r == 0 && device->hwaddr && parse_mac(device->hwaddr, mac) < 0)
		r = -EINVAL;
	if (r == 0)
		r = remember(making->net, device->link, making->inside, (size_t)(device - making->plan->network), true);
	if (r < 0)
		return r;
	link = &making->net->links[making->net->n_links - 1];
	r = note_original(link, device);
	if (r == 0)
		r = net_move_link(making->nl, index, making->netns, making->inside, device->mtu.set ? (uint32_t)device->mtu.value : 0,
				  device->hwaddr ? mac : NULL);
	/* also of one that went and then refused its address */
	link->ifindex = if_nametoindex(device->link) == index ? 0 : net_index_inside(making->net, making->inside);
	return r < 0 ? tell(making, r, "move it into the container", device->link) : 0;
}

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
		return tell(making, r, "no network", text);
	*route = (struct rtmsg){.rtm_family = (uint8_t)family, .rtm_dst_len = length, .rtm_table = RT_TABLE_MAIN,
				.rtm_protocol = RTPROT_BOOT, .rtm_scope = RT_SCOPE_LINK, .rtm_type = RTN_UNICAST};
	nl_put(&request, RTA_DST, address, family == AF_INET ? 4 : 16);
	nl_put_u32(&request, RTA_OIF, if_nametoindex(making->host));
	r = nl_ask(making->nl, &request);
	return r < 0 ? tell(making, r, "add a route on the host", text) : 0;
}

static int add_routes(const struct making *making)
{
	const struct net_device *device = making->device;
	int r = 0;

	for (size_t i = 0; r == 0 && i < device->n_routes4; i++)
		r = add_route(making, device->routes4[i], AF_INET);
	for (size_t i = 0; r == 0 && i < device->n_routes6; i++)
		r = add_route(making, device->routes6[i], AF_INET6);
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

static int set_vlans(const struct making *making)
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
	return r < 0 ? tell(making, r, "set its VLANs on the bridge", making->host) : 0;
}

static int write_sysctl(const struct making *making, const char *family, const char *name, const char *key)
{
	char path[128];
	int r;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, name, key);
	r = fd_write_file(AT_FDCWD, path, "1");
	return r < 0 ? tell(making, r, "set up l2proxy", path) : 0;
}

/* The host answers for the container's addresses on the parent's link: forwarding, and neighbour proxies. */
static int set_l2proxy(const struct making *making)
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

static int create(struct making *making)
{
	switch (making->device->type) {
	case NET_TYPE_VETH:
		return create_veth(making);
	case NET_TYPE_MACVLAN:
		return create_on_parent(making, "macvlan", put_macvlan);
	case NET_TYPE_IPVLAN:
		return create_on_parent(making, "ipvlan", put_ipvlan);
	case NET_TYPE_VLAN:
		return create_on_parent(making, "vlan", put_vlan);
	case NET_TYPE_PHYS:
		return move_physical(making);
	case NET_TYPE_EMPTY:
		return 0;
	default:
		return tell(making, -EINVAL, "unknown type", NULL);
	}
}

/* As the stage counts: an empty one takes no name. */
static size_t position_of(const struct plan *plan, size_t i)
{
	size_t position = 0;

	while (i-- > 0)
		position += plan->network[i].type != NET_TYPE_EMPTY;
	return position;
}

int net_create(struct net *net, const struct plan *plan, size_t i, pid_t init, struct failure *failure)
{
	cleanup_fd int nl = nl_open(), netns = -1;
	struct making making = {.net = net, .plan = plan, .device = &plan->network[i], .failure = failure, .nl = nl};
	char path[48];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)init);
	netns = open(path, O_RDONLY | O_CLOEXEC);
	making.netns = netns;
	if (nl < 0 || netns < 0)
		return tell(&making, nl < 0 ? nl : -errno, "open rtnetlink", path);
	if (making.device->name)
		snprintf(making.inside, sizeof(making.inside), "%s", making.device->name);
	else if (making.device->type == NET_TYPE_PHYS && making.device->link)
		snprintf(making.inside, sizeof(making.inside), "%s", making.device->link);
	else
		snprintf(making.inside, sizeof(making.inside), "eth%zu", position_of(plan, i));
	net->n_made = i + 1;
	r = create(&making);
	if (r == 0 && making.device->type == NET_TYPE_VETH)
		r = add_routes(&making);
	if (r == 0 && making.device->type == NET_TYPE_VETH)
		r = set_vlans(&making);
	return r < 0 ? tell(&making, r, "make it", making.inside) : set_l2proxy(&making);
}
