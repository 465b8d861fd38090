/* Taking the host side of the network away again. */
#include "net.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"
#include "netlink.h"
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

enum { REMOVE_TIMEOUT_MS = 3000 };

int net_move_link(int nl, unsigned int index, int netns, const char *name, uint32_t mtu, const uint8_t *mac)
{
	struct nl_request request;
	struct ifinfomsg *info = nl_begin(&request, RTM_NEWLINK, 0, sizeof(*info));

	info->ifi_index = (int)index;
	info->ifi_change = IFF_UP; /* down: a device that is up keeps its name */
	nl_put_u32(&request, IFLA_NET_NS_FD, (uint32_t)netns);
	nl_put_text(&request, IFLA_IFNAME, name);
	if (mtu)
		nl_put_u32(&request, IFLA_MTU, mtu);
	if (mac)
		nl_put(&request, IFLA_ADDRESS, mac, 6);
	return nl_ask(nl, &request);
}

static void on_link(const struct nlmsghdr *message, void *arg)
{
	unsigned int *index = arg;

	if (message->nlmsg_type == RTM_NEWLINK)
		*index = (unsigned int)((const struct ifinfomsg *)NLMSG_DATA(message))->ifi_index;
}

unsigned int net_index_inside(const struct net *net, const char *name)
{
	struct nl_request request;
	unsigned int index = 0;

	nl_begin(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	nl_put_text(&request, IFLA_IFNAME, name);
	return nl_query(net->inside, &request, on_link, &index) < 0 ? 0 : index;
}

void net_return_physical(struct net *net)
{
	for (size_t i = 0; net->inside >= 0 && i < net->n_links; i++) {
		const struct net_link *link = &net->links[i];
		int r = link->physical && link->ifindex
				? net_move_link(net->inside, link->ifindex, net->host_ns, link->host_name, link->mtu, link->has_mac ? link->mac : NULL)
				: -ENODEV;

		if (link->physical && r < 0)
			log_error("%s (%s on the host) does not come back: %s", link->inside, link->host_name, strerror(-r));
	}
}

void net_alias(const char *run_dir, char ret[96])
{
	const char *at = run_dir + strlen(run_dir);

	for (int slashes = 0; at > run_dir && slashes < 2;)
		slashes += *--at == '/';
	snprintf(ret, 96, "tlxc:%s", at + (*at == '/'));
}

bool net_is_ours(const char *run_dir, const char *host)
{
	cleanup_free char *text = NULL;
	char path[64], alias[96];

	net_alias(run_dir, alias);
	snprintf(path, sizeof(path), "/sys/class/net/%.15s/ifalias", host);
	return fd_read_file(AT_FDCWD, path, 512, &text, NULL) == 0 && strncmp(text, alias, strlen(alias)) == 0 && text[strlen(alias)] == '\n';
}

static int delete_index(unsigned int index)
{
	cleanup_fd int nl = nl_open();
	struct nl_request request;
	struct ifinfomsg *info = nl_begin(&request, RTM_DELLINK, 0, sizeof(*info));

	info->ifi_index = (int)index;
	return nl < 0 ? nl : nl_ask(nl, &request);
}

int net_delete(const char *name)
{
	unsigned int index = if_nametoindex(name);

	return index ? delete_index(index) : -ENODEV;
}

/* The one of the life before a reboot has gone on after we stopped waiting for it. */
static void reap_remover(struct net *net)
{
	while (net->remover > 0 && waitpid(net->remover, NULL, 0) < 0 && errno == EINTR)
		;
	net->remover = 0;
}

/* Deleting a veth takes 20 ms and more in the kernel (grace periods of RCU), most of it after the name is free. So a child does it. */
int net_remove(struct net *net, const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < net->n_links; i++) {
		struct net_link *link = &net->links[i];
		/* root inside may have removed it with its other end, and somebody else taken the name */
		if (link->physical || if_nametoindex(link->host_name) != link->ifindex)
			link->ifindex = 0;
		link->named = plan->network[link->index].host_name != NULL;
		n += link->ifindex != 0;
	}
	reap_remover(net);
	if (n == 0)
		return 0;
	net->remover = fork();
	if (net->remover != 0)
		return net->remover < 0 ? -errno : 0;
	fd_close_from(3); /* above all the clients: they wait for the end of file */
	for (size_t i = 0; i < net->n_links; i++)
		if (net->links[i].ifindex)
			(void)delete_index(net->links[i].ifindex); /* the name may be another's by then */
	_exit(0);
}

/* Asked each millisecond: a socket that hears of removed devices would cost more to open than all of this takes (grace periods too). */
void net_wait_removed(struct net *net, bool named)
{
	cleanup_fd int pidfd = net->remover > 0 ? proc_pidfd_open(net->remover) : -1;

	for (size_t i = 0; i < net->n_links; i++) {
		struct net_link *link = &net->links[i];
		struct pollfd done = {.fd = pidfd, .events = POLLIN};

		if (named && !link->named)
			continue;
		for (int ms = 0; link->ifindex && if_nametoindex(link->host_name) == link->ifindex && ms < REMOVE_TIMEOUT_MS; ms++)
			if (poll(&done, 1, 1) > 0)
				break;
		if (link->ifindex && if_nametoindex(link->host_name) == link->ifindex && delete_index(link->ifindex) < 0)
			log_warn("%s: cannot delete it", link->host_name);
	}
}

void net_clear(struct net *net)
{
	cleanup_close_fd(&net->inside);
	cleanup_close_fd(&net->host_ns);
	for (size_t i = 0; i < net->n_links; i++) {
		free(net->links[i].host_name);
		free(net->links[i].inside);
	}
	free(net->links);
	*net = (struct net){.inside = -1, .host_ns = -1, .remover = net->remover};
}
