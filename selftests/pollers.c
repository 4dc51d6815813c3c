// SPDX-License-Identifier: GPL-2.0
/*
 * pollers: processes that sleep in poll() on /dev/mlock2mon and never read.
 *
 *	pollers N
 *
 * They ask to be woken after half a ring of records. Says a line when all are about to
 * sleep; ends, and they with it, by a signal.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "mlock2mon.h"
#include "promise.h"

static void sleep_in_poll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;)
		need(poll(&p, 1, -1) != -1, "poll");
}

static int open_device(void)
{
	int fd = open(MLOCK2MON_DEVICE, O_RDONLY | O_NONBLOCK);
	struct mlock2mon_info info = { 0 };
	__u32 half;

	need(fd != -1, "open " MLOCK2MON_DEVICE);
	need(!ioctl(fd, MLOCK2MON_IOC_INFO, &info), "ask for the size of the ring");
	half = info.records / 2;
	need(!ioctl(fd, MLOCK2MON_IOC_WATERMARK, &half), "set the watermark");
	need(lseek(fd, 0, SEEK_END) != -1, "go to the end");
	return fd;
}

int main(int argc, char **argv)
{
	int i, fd;
	int n = argc == 2 ? atoi(argv[1]) : 0;
	pid_t pid;

	need(n > 0, "do without a number");
	for (i = 0; i < n; i++) {
		fd = open_device();
		pid = fork();
		need(pid != -1, "fork");
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			sleep_in_poll(fd);
		}
		close(fd);
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
