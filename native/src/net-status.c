#include "net.h"

#include "cleanup.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>

struct listing {
	const struct net *net;
	struct interface_status *items;
	int *index;
	size_t n, n_addresses;
};

/* In all: root inside can have as many as it likes, and each takes its place by a search. A status has to fit into a reply. */
enum { MAX_INTERFACES = 256, MAX_ADDRESSES = 1024 };

static const char *host_name(const struct net *net, const char *inside)
{
	for (size_t i = 0; i < net->n_links; i++)
		if (!net->links[i].physical && strcmp(net->links[i].inside, inside) == 0)
			return net->links[i].host_name;
	return NULL;
}

static void on_link(const struct nlmsghdr *message, void *arg)
{
	struct listing *listing = arg;
	const struct ifinfomsg *info = NLMSG_DATA(message);
	size_t size = IFLA_PAYLOAD(message);
	const struct rtattr *name = nl_find(IFLA_RTA(info), size, IFLA_IFNAME), *stats = nl_find(IFLA_RTA(info), size, IFLA_STATS64);
	struct interface_status *items;
	int *index;
	const char *host;

	if (listing->n >= MAX_INTERFACES)
		return;
	items = reallocarray(listing->items, listing->n + 1, sizeof(*items));
	if (items)
		listing->items = items;
	index = reallocarray(listing->index, listing->n + 1, sizeof(*index));
	if (index)
		listing->index = index;
	if (!items || !index || message->nlmsg_type != RTM_NEWLINK || !name)
		return;
	host = host_name(listing->net, RTA_DATA(name));
	items[listing->n] = (struct interface_status){.name = strdup(RTA_DATA(name)), .host_name = host ? strdup(host) : NULL};
	if (stats && RTA_PAYLOAD(stats) >= offsetof(struct rtnl_link_stats64, rx_errors)) {
		struct rtnl_link_stats64 counters = {0};
		memcpy(&counters, RTA_DATA(stats), offsetof(struct rtnl_link_stats64, rx_errors));
		items[listing->n].rx_bytes = counters.rx_bytes;
		items[listing->n].tx_bytes = counters.tx_bytes;
	}
	index[listing->n++] = info->ifi_index;
}

/* Scope global first, otherwise in the kernel's order. */
static void insert(struct interface_status *item, struct address_status address)
{
	struct address_status *more = reallocarray(item->addresses, item->n_addresses + 1, sizeof(*more));
	size_t at = 0;

	if (!more)
		return;
	item->addresses = more;
	while (at < item->n_addresses && (address.scope != 0 || more[at].scope == 0))
		at++;
	memmove(more + at + 1, more + at, (item->n_addresses - at) * sizeof(*more));
	more[at] = address;
	item->n_addresses++;
}

static void on_address(const struct nlmsghdr *message, void *arg)
{
	struct listing *listing = arg;
	const struct ifaddrmsg *info = NLMSG_DATA(message);
	size_t size = IFA_PAYLOAD(message);
	const struct rtattr *address = nl_find(IFA_RTA(info), size, IFA_LOCAL);
	char text[INET6_ADDRSTRLEN];

	if (!address)
		address = nl_find(IFA_RTA(info), size, IFA_ADDRESS);
	if (listing->n_addresses >= MAX_ADDRESSES)
		return;
	if (message->nlmsg_type != RTM_NEWADDR || !address || (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return;
	if (RTA_PAYLOAD(address) < (info->ifa_family == AF_INET ? 4 : 16) || !inet_ntop(info->ifa_family, RTA_DATA(address), text, sizeof(text)))
		return;
	for (size_t i = 0; i < listing->n; i++)
		if (listing->index[i] == (int)info->ifa_index) {
			insert(&listing->items[i], (struct address_status){.family = info->ifa_family == AF_INET ? 4 : 6,
				.address = strdup(text), .prefix = info->ifa_prefixlen, .scope = info->ifa_scope});
			listing->n_addresses++;
			return;
		}
}

int net_status(const struct net *net, struct interface_status **ret, size_t *ret_n)
{
	struct listing listing = {.net = net};
	struct nl_request request;
	int r;

	nl_begin(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	r = nl_dump(net->inside, &request, on_link, &listing);
	if (r == 0) {
		nl_begin(&request, RTM_GETADDR, 0, sizeof(struct ifaddrmsg));
		r = nl_dump(net->inside, &request, on_address, &listing);
	}
	free(listing.index);
	*ret = listing.items;
	*ret_n = listing.n;
	return r;
}
