// SPDX-License-Identifier: GPL-2.0
/*
 * A process and all that descend from it. The process connector tells of each fork
 * before the child can do anything; where it cannot be had, or told too much at once,
 * a record's parent decides, which misses children of those that made no call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "family.h"
#include "tool.h"

#define FIRST_ROOM	64
#define LEFT		0x80000000	/* a number that is another's by now; none is so high */
#define BUFFER		(8 << 20)	/* of the socket: some 80,000 forks */

/* --- the set --- */

static size_t place_of_pid(const struct family *f, uint32_t pid)
{
	size_t i = (pid * 2654435761u) & (f->room - 1);

	while (f->member[i] && (f->member[i] & ~LEFT) != pid)
		i = (i + 1) & (f->room - 1);
	return i;
}

static void enlarge(struct family *f)
{
	struct family old = *f;
	size_t i;

	f->room = old.room ? 2 * old.room : FIRST_ROOM;
	f->member = tool_grow(NULL, f->room * sizeof(*f->member));
	memset(f->member, 0, f->room * sizeof(*f->member));
	for (i = 0; i < old.room; i++) {
		if (old.member[i])
			f->member[place_of_pid(f, old.member[i] & ~LEFT)] = old.member[i];
	}
	free(old.member);
}

void family_add(struct family *f, uint32_t pid)
{
	size_t i;

	if (2 * f->nr >= f->room)
		enlarge(f);
	i = place_of_pid(f, pid);
	f->nr += !f->member[i];
	f->member[i] = pid;
}

static bool is_member(const struct family *f, uint32_t pid)
{
	return f->room && f->member[place_of_pid(f, pid)] == pid;
}

/* --- the connector --- */

static bool listen_to(int fd)
{
	struct {
		struct nlmsghdr	head;
		struct cn_msg	msg;
		enum proc_cn_mcast_op op;
	} __attribute__((packed)) ask = {
		.head = { .nlmsg_len = sizeof(ask), .nlmsg_type = NLMSG_DONE },
		.msg = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .len = sizeof(ask.op) },
		.op = PROC_CN_MCAST_LISTEN,
	};
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	int size = BUFFER;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return !bind(fd, (struct sockaddr *)&addr, sizeof(addr)) &&
	       send(fd, &ask, sizeof(ask), 0) == sizeof(ask);
}

/* To be called before the first of them is born. */
void family_begin(struct family *f)
{
	*f = (struct family){ 0 };
	f->fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	if (f->fd >= 0 && !listen_to(f->fd)) {
		close(f->fd);
		f->fd = -1;
	}
	f->exact = f->fd >= 0;
}

/*
 * Threads are told too: their parent and they are of one process. A number that somebody
 * else gives to a child is no longer that of one of us; the first one's parent is no
 * member, but it is we.
 */
static void take_event(struct family *f, const struct proc_event *event)
{
	uint32_t parent, child;

	if (event->what != PROC_EVENT_FORK)
		return;
	parent = event->event_data.fork.parent_tgid;
	child = event->event_data.fork.child_tgid;
	if (is_member(f, parent))
		family_add(f, child);
	else if (is_member(f, child) && parent != (uint32_t)getpid())
		f->member[place_of_pid(f, child)] |= LEFT;
}

/* Take in all forks that have been told up to now. */
void family_update(struct family *f)
{
	char buf[4096] __attribute__((aligned(8)));
	const struct nlmsghdr *head;
	ssize_t got;

	if (f->fd < 0)
		return;
	for (;;) {
		int left;

		got = recv(f->fd, buf, sizeof(buf), 0);
		if (got < 0 && errno == ENOBUFS)
			f->exact = false;
		if (got < 0 && (errno == ENOBUFS || errno == EINTR))
			continue;
		if (got <= 0)
			return;
		left = got;
		for (head = (void *)buf; NLMSG_OK(head, left); head = NLMSG_NEXT(head, left)) {
			const struct cn_msg *msg = NLMSG_DATA(head);

			if (msg->id.idx == CN_IDX_PROC && msg->id.val == CN_VAL_PROC)
				take_event(f, (const struct proc_event *)msg->data);
		}
	}
}

/* Is it one of them? The parent is believed where forks were not told. */
bool family_has(struct family *f, uint32_t pid, uint32_t parent)
{
	if (is_member(f, pid))
		return true;
	if (f->exact || !is_member(f, parent))
		return false;
	family_add(f, pid);
	return true;
}

void family_end(struct family *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->member);
	*f = (struct family){ .fd = -1 };
}
