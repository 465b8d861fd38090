/* A root that is a stack of layers (plan.rootfs.overlay), and its view on the host. */
#pragma once
#include "monitor.h"
#include "storage.h"

struct stack overlay_stack(const struct overlay *overlay);

/* Mounts it (or takes the mount that a reboot left) and attaches the view. userns: the container's, or negative. The root as a
 * detached mount, or -errno with m->failure filled. */
int overlay_root(struct monitor *m, int userns);
/* overlay-view.c: attaches the detached mount where the host sees the files. -errno with m->failure filled. */
int overlay_attach_view(struct monitor *m, int tree);
/* The superblock that is under the view already, as a detached mount: that of a stopped container without an id map, or what a reboot
 * left; no second one may be made of the same upper. -errno with m->failure filled. */
int overlay_take_from_view(struct monitor *m);
/* Takes the host's view of a stopped container away, unless the container can have its superblock (then m->view), and makes sure that
 * nothing else has the upper. Before the stage exists: its mount namespace would hold a copy. */
int overlay_take_view_away(struct monitor *m);
/* When nothing of the container is left: the view shows the files unshifted again. Failures are logged; the next command mends them. */
void overlay_stopped(struct monitor *m);
