/* The devices of the plan, one after the other, and what making any of them needs. */
#include "net-host.h"

#include "cleanup.h"
#include "netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <sched.h>
#include <string.h>

int net_tell(const struct making *making, int r, const char *what, const char *detail)
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

int net_parse_mac(const char *text, uint8_t ret[NET_MAC])
{
	char end;

	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &ret[0], &ret[1], &ret[2], &ret[3], &ret[4], &ret[5], &end) == NET_MAC
		       ? 0 : -EINVAL;
}

int net_put_mac(struct nl_request *request, const char *text)
{
	uint8_t mac[NET_MAC];

	if (!text)
		return 0;
	if (net_parse_mac(text, mac) < 0)
		return -EINVAL;
	nl_put(request, IFLA_ADDRESS, mac, sizeof(mac));
	return 0;
}

int net_link_index(const struct making *making, unsigned int *ret)
{
	const char *link = making->device->link;

	if (!link)
		return net_tell(making, -EINVAL, "it has no link", making->inside);
	*ret = if_nametoindex(link);
	return *ret ? 0 : net_tell(making, -ENODEV, "its link does not exist", link);
}

struct rtattr *net_begin_info(struct nl_request *request, const char *kind, struct rtattr **ret_data)
{
	struct rtattr *info = nl_nest(request, IFLA_LINKINFO);

	nl_put(request, IFLA_INFO_KIND, kind, strlen(kind));
	*ret_data = nl_nest(request, IFLA_INFO_DATA);
	return info;
}

int net_remember(struct net *net, const char *host, const char *inside, size_t index, bool physical)
{
	struct net_link *more = reallocarray(net->links, net->n_links + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	net->links = more;
	more[net->n_links++] = (struct net_link){.host_name = strdup(host), .inside = strdup(inside), .index = index, .physical = physical};
	return 0;
}

static int create(struct making *making)
{
	switch (making->device->type) {
	case NET_TYPE_VETH:
		return net_make_veth(making);
	case NET_TYPE_MACVLAN:
	case NET_TYPE_IPVLAN:
	case NET_TYPE_VLAN:
		return net_make_on_parent(making);
	case NET_TYPE_PHYS:
		return net_take_physical(making);
	case NET_TYPE_EMPTY:
		return 0;
	default:
		return net_tell(making, -EINVAL, "unknown type", NULL);
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
		return net_tell(&making, nl < 0 ? nl : -errno, "open rtnetlink", path);
	if (making.device->name)
		snprintf(making.inside, sizeof(making.inside), "%s", making.device->name);
	else if (making.device->type == NET_TYPE_PHYS && making.device->link)
		snprintf(making.inside, sizeof(making.inside), "%s", making.device->link);
	else
		snprintf(making.inside, sizeof(making.inside), "eth%zu", position_of(plan, i));
	net->n_made = i + 1;
	r = create(&making);
	if (r == 0 && making.device->type == NET_TYPE_VETH)
		r = net_add_routes(&making);
	if (r == 0 && making.device->type == NET_TYPE_VETH)
		r = net_set_vlans(&making);
	return r < 0 ? net_tell(&making, r, "make it", making.inside) : net_set_l2proxy(&making);
}
