// SPDX-License-Identifier: GPL-2.0
/*
 * handed: what an open /dev/mlock2mon is good for in the hands of an ordinary user.
 *
 *	handed sent		root sends it over a socket
 *	handed kept		root becomes somebody and keeps it
 *	handed traced ID	whether somebody may have the tracepoint ID (of perf), where
 *				kernel.perf_event_paranoid lets him count
 *
 * Prints promises for the test that runs it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mlock2mon.h"
#include "opened.h"
#include "promise.h"

#define PAGE		4096UL
#define SOMEBODY	1000

static void send_fd(int to, int fd)
{
	char room[CMSG_SPACE(sizeof(fd))] = "", byte = 0;
	struct iovec vec = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &vec, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	struct cmsghdr *control = CMSG_FIRSTHDR(&message);

	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(control), &fd, sizeof(fd));
	need(sendmsg(to, &message, 0) == 1, "send a file");
}

static int receive_fd(int from)
{
	char room[CMSG_SPACE(sizeof(int))] = "", byte;
	struct iovec vec = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &vec, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	int fd;

	need(recvmsg(from, &message, 0) == 1 && CMSG_FIRSTHDR(&message), "receive a file");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static void become_somebody(void)
{
	need(!setresgid(SOMEBODY, SOMEBODY, SOMEBODY) && !setresuid(SOMEBODY, SOMEBODY, SOMEBODY),
	     "become somebody");
}

static long count_lines(int fd)
{
	static char text[65536];
	long lines = 0;
	ssize_t len;

	while ((len = read(fd, text, sizeof(text))) > 0)
		while (len--)
			lines += text[len] == '\n';
	return lines;
}

/* Records by mmap: what is there may be seen, nothing may be changed. */
static void try_mapping(int fd, const struct mlock2mon_info *info, const char *how)
{
	void *map = mmap(NULL, info->map_size, PROT_READ, MAP_SHARED, fd, 0);
	const struct mlock2mon_header *header = map;

	promise(map != MAP_FAILED && header->next == info->next,
		"%s: it may be mapped, with as many records as can be read", how);
	promise(mmap(NULL, info->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED,
		"%s: but not to be written", how);
	promise(map != MAP_FAILED && mprotect(map, PAGE, PROT_READ | PROT_WRITE) == -1,
		"%s: nor made so later", how);
}

/* No kernel address, nothing but counts: each number of info is a small one or the load's. */
static bool only_counts(const struct mlock2mon_info *info)
{
	const __u64 number[] = {
		info->records, info->oldest, info->next, info->position, info->lost,
		info->skipped, info->map_size, info->near_kb, info->features,
	};
	size_t i;

	for (i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
		if (number[i] >> 40)
			return false;
	}
	return true;
}

static void use(int fd, const char *how)
{
	struct mlock2mon_info info = { 0 };
	long lines;

	promise(open(MLOCK2MON_DEVICE, O_RDONLY) == -1 && errno == EACCES,
		"%s: the user cannot open the device", how);
	lines = count_lines(fd);
	promise(lines > 0, "%s: but reads on from what was opened by root", how);
	promise(!ioctl(fd, MLOCK2MON_IOC_INFO, &info) && info.position == info.next &&
		only_counts(&info), "%s: info is told, counts only", how);
	try_mapping(fd, &info, how);
	promise(open("/proc/self/fd/3", O_RDONLY) == -1,
		"%s: nor opened anew by way of the file", how);
}

static int sent(void)
{
	int pair[2], status, pid, fd;

	need(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "make sockets");
	pid = fork();
	need(pid != -1, "fork");
	if (!pid) {
		close(pair[0]);
		become_somebody();
		fd = receive_fd(pair[1]);
		need(dup2(fd, 3) == 3 && prctl(PR_SET_DUMPABLE, 1) == 0, "have file 3");
		use(3, "sent over a socket");
		exit(0);
	}
	close(pair[1]);
	fd = open_device(O_NONBLOCK);
	send_fd(pair[0], fd);
	need(waitpid(pid, &status, 0) == pid && !status, "wait for the receiver");
	return 0;
}

static int kept(void)
{
	int fd = open_device(O_NONBLOCK);

	need(dup2(fd, 3) == 3, "have file 3");
	become_somebody();
	need(prctl(PR_SET_DUMPABLE, 1) == 0, "be dumpable");
	use(3, "kept over setuid");
	return 0;
}

static void traced(unsigned int id)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .config = id,
		.sample_type = PERF_SAMPLE_RAW, .sample_period = 1,
	};
	struct perf_event_attr count = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(count), .config = id,
	};
	int own = syscall(SYS_perf_event_open, &attr, getpid(), -1, -1, 0);

	promise(own >= 0, "root may have the tracepoint");
	become_somebody();
	need(syscall(SYS_perf_event_open, &count, 0, -1, -1, 0) >= 0, "count as a user");
	promise(syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0) == -1 &&
		(errno == EACCES || errno == EPERM), "a user may not have it of the machine");
	promise(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0) == -1 &&
		(errno == EACCES || errno == EPERM), "nor of a task of his own");
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "sent"))
		return sent();
	if (argc == 2 && !strcmp(argv[1], "kept"))
		return kept();
	if (argc == 3 && !strcmp(argv[1], "traced")) {
		traced(atoi(argv[2]));
		return 0;
	}
	return 2;
}
