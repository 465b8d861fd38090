/* Between the files that make the devices of a container, net-*.c of the monitor. */
#pragma once
#include "net.h"

#include <linux/if.h>

struct nl_request;
struct rtattr;

enum { NET_MAC = 6 };

struct making {
	struct net *net;
	const struct plan *plan;
	const struct net_device *device;
	struct failure *failure;
	int nl, netns;
	char inside[IFNAMSIZ], host[IFNAMSIZ];
};

/* Notes what failed of lxc.net.N; gives r. */
int net_tell(const struct making *making, int r, const char *what, const char *detail);
int net_parse_mac(const char *text, uint8_t ret[NET_MAC]);
/* The address for the device, when the plan has one. */
int net_put_mac(struct nl_request *request, const char *text);
/* Of lxc.net.N.link, which must be there. */
int net_link_index(const struct making *making, unsigned int *ret);
/* Begins what is special of a kind; the caller ends *ret_data and then what it gets. */
struct rtattr *net_begin_info(struct nl_request *request, const char *kind, struct rtattr **ret_data);
/* To be taken away, or given back, when the container stops. */
int net_remember(struct net *net, const char *host, const char *inside, size_t index, bool physical);

int net_make_veth(struct making *making);
int net_set_vlans(const struct making *making);
int net_make_on_parent(struct making *making);
int net_take_physical(struct making *making);
int net_add_routes(const struct making *making);
int net_set_l2proxy(const struct making *making);
