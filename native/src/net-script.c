#include "monitor.h"

#include <stdio.h>
#include <string.h>

enum { MAX_ARGV = 64 };

static const char *peer_of(const struct monitor *m, size_t i)
{
	for (size_t j = 0; j < m->net.n_links; j++)
		if (m->net.links[j].index == i && !m->net.links[j].physical)
			return m->net.links[j].host_name;
	return NULL;
}

int net_script(struct monitor *m, size_t i, bool up)
{
	const struct net_device *device = &m->plan->network[i];
	char *const *script = up ? device->script_up : device->script_down;
	size_t n = up ? device->n_script_up : device->n_script_down;
	const char *peer = peer_of(m, i);
	char type[48], parent[64] = "LXC_NET_PARENT=", other[64] = "LXC_NET_PEER=";
	const char *env[] = {up ? "LXC_HOOK_TYPE=up" : "LXC_HOOK_TYPE=down", "LXC_HOOK_SECTION=net", type, parent, other, NULL};
	char *argv[MAX_ARGV + 1] = {0}, *args[3] = {0};

	if (n == 0 || n > MAX_ARGV)
		return 0;
	memcpy(argv, script, n * sizeof(*argv));
	snprintf(type, sizeof(type), "LXC_NET_TYPE=%s", net_type_to_string(device->type));
	/* as LXC: TYPE LINK VETH, what is missing at the end is left out */
	if (device->link) {
		args[0] = device->link;
		snprintf(parent, sizeof(parent), "LXC_NET_PARENT=%s", device->link);
	}
	if (peer) {
		args[device->link ? 1 : 0] = (char *)peer;
		snprintf(other, sizeof(other), "LXC_NET_PEER=%s", peer);
	}
	/* lxc.hook.version: 0 tells by arguments, 1 by environment */
	return m->plan->hook_version == 0 ? hook_run(m, argv, NULL, args, up ? "network up" : "network down")
					  : hook_run(m, argv, env, NULL, up ? "network up" : "network down");
}
