/* Host side of the network: devices made or moved into the container's network namespace, and taken away again. */
#pragma once
#include "failure.h"
#include <sys/types.h>

unsigned int if_nametoindex(const char *name); /* <net/if.h> and <linux/if.h> exclude each other */

struct net_link {
	char *host_name; /* on the host: a veth end, or a physical device that comes back */
	char *inside; /* name inside */
	size_t index; /* in plan.network */
	bool physical;
	bool named; /* by the configuration: the next start needs this very name */
	/* On the host, of what we made; 0: nothing to remove. Of a physical device: inside, as root there may rename it. */
	unsigned int ifindex;
	uint32_t mtu; /* of a physical device before we changed it; 0: unchanged */
	uint8_t mac[6];
	bool has_mac;
};

struct net {
	struct net_link *links;
	size_t n_links;
	size_t n_made; /* devices of the plan that were made, for script.down */
	int inside; /* rtnetlink socket in the container's network namespace, or -1 */
	int host_ns; /* our own */
	pid_t remover; /* deletes what is on the host; a child that is waited for before the next one */
};

/* Opens the socket inside (its namespace is kept alive by it). */
int net_enter(struct net *net, pid_t init, struct failure *failure);
/* Makes device i of the plan. */
int net_create(struct net *net, const struct plan *plan, size_t i, pid_t init, struct failure *failure);
/* Physical devices back to the host. */
void net_return_physical(struct net *net);
/* Begins to delete what is on the host; the second waits until no name of it is left, or none that the configuration gave. */
int net_remove(struct net *net, const struct plan *plan);
void net_wait_removed(struct net *net, bool named);
void net_clear(struct net *net);
/* The interfaces inside as the kernel has them now; *ret is owned by the caller. */
int net_status(const struct net *net, struct interface_status **ret, size_t *ret_n);
/* Moves a device to another network namespace, down, under a name; mtu 0 and mac NULL leave those as they are. */
int net_move_link(int nl, unsigned int index, int netns, const char *name, uint32_t mtu, const uint8_t *mac);
/* The index of a device in the container's namespace; 0: none. */
unsigned int net_index_inside(const struct net *net, const char *name);
/* How our devices on the host are marked, by the last two parts of the run directory: no two containers have the same. */
void net_alias(const char *run_dir, char ret[96]);
bool net_is_ours(const char *run_dir, const char *host);
/* Deletes an interface by name (a killed monitor's). */
int net_delete(const char *name);
