/* A device of the host that is moved inside, and comes back as it went. */
#include "net-host.h"

#include "cleanup.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

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
	r = net_parse_mac(mac, link->mac);
	link->has_mac = r == 0;
	return r;
}

int net_take_physical(struct making *making)
{
	const struct net_device *device = making->device;
	struct net_link *link;
	uint8_t mac[NET_MAC];
	unsigned int index;
	int r = net_link_index(making, &index);

	if (r == 0 && device->hwaddr && net_parse_mac(device->hwaddr, mac) < 0)
		r = -EINVAL;
	if (r == 0)
		r = net_remember(making->net, device->link, making->inside, (size_t)(device - making->plan->network), true);
	if (r < 0)
		return r;
	link = &making->net->links[making->net->n_links - 1];
	r = note_original(link, device);
	if (r == 0)
		r = net_move_link(making->nl, index, making->netns, making->inside, device->mtu.set ? (uint32_t)device->mtu.value : 0,
				  device->hwaddr ? mac : NULL);
	/* also of one that went and then refused its address */
	link->ifindex = if_nametoindex(device->link) == index ? 0 : net_index_inside(making->net, making->inside);
	return r < 0 ? net_tell(making, r, "move it into the container", device->link) : 0;
}
