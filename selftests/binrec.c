// SPDX-License-Identifier: GPL-2.0
/*
 * binrec: the records of /dev/mlock2mon in binary, as lines.
 *
 * Usage: binrec [-n NEAR_BYTES] [-t TGID] [-c CALL] [-f FIELDS] [-i FD]
 *
 *   -n  a filter: calls that left less than so much below the limit
 *   -t  a filter: of this process
 *   -c  a filter: of this call
 *   -f  a filter with these fields, and what -n and -t set: to be refused
 *   -i  a file that is open already, instead of the device
 *
 * Lines are like those of the device as far as 54-ledger.sh looks at them, but each
 * field is there, and as a number. Prints `refused ERRNO` if the filter is refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "libc.h"
#include "mlock2mon.h"

#define AT_ONCE		512

static const char * const call_names[] = {
	"mlock2", "mlock", "munlock", "mlockall", "munlockall", "mmap", "munmap", "mremap",
	"brk", "shmat", "shmdt", "shmctl", "stack", "exec", "other", "exit",
};

static unsigned int call_of(const char *name)
{
	unsigned int call;

	for (call = 0; call < MLOCK2MON_NR_CALLS; call++) {
		if (!strcmp(call_names[call], name))
			return call;
	}
	exit(2);
}

static void print(const struct mlock2mon_record *r)
{
	if (r->call == MLOCK2MON_LOST) {
		printf("lost=%llu seq=%llu\n", r->len, r->seq);
		return;
	}
	printf("seq=%llu ts=%llu cpu=%u call=%s pid=%u tid=%u uid=%u comm=\"\"", r->seq, r->ts_ns,
	       r->cpu, r->call < MLOCK2MON_NR_CALLS ? call_names[r->call] : "?", r->pid, r->tid,
	       r->uid);
	printf(" addr=0x%llx len=%llu flags=%u ret=%lld dur_ns=%llu locked_kb=%llu", r->addr,
	       r->len, r->flags, r->ret, r->dur_ns, r->locked >> 10);
	printf(" delta_kb=%lld limit=%llu detail=%llu attr=%u why=%u", r->delta / 1024, r->limit,
	       r->detail, r->attr, r->why);
	printf(" ns_pid=%u ns_tid=%u ns_ppid=%u pid_ns=%u", r->ns_pid, r->ns_tid, r->ns_ppid,
	       r->pid_ns);
	if (r->attr & MLOCK2MON_ATTR_REPEAT)
		printf(" repeat=%llu last=%llu", r->repeat, r->last_ns);
	if (r->call == MLOCK2MON_EXIT)
		printf(" calls=%llu failures=%llu", r->calls, r->failures);
	putchar('\n');
}

static int read_all(int fd)
{
	static struct mlock2mon_record records[AT_ONCE];
	ssize_t len, i;

	while ((len = read(fd, records, sizeof(records))) > 0) {
		if (len % sizeof(records[0])) {
			fputs("binrec: part of a record\n", stderr);
			return 1;
		}
		for (i = 0; i < len / (ssize_t)sizeof(records[0]); i++)
			print(&records[i]);
	}
	if (!len || errno != EAGAIN) {
		perror("binrec: read");
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct mlock2mon_filter filter = { 0 };
	__u32 format = MLOCK2MON_FORMAT_BINARY;
	int option, fd = -1;

	while ((option = getopt(argc, argv, "n:t:c:f:i:")) != -1) {
		if (option == 'n') {
			filter.fields |= MLOCK2MON_FILTER_NEAR;
			filter.near_bytes = strtoull(optarg, NULL, 0);
		} else if (option == 't') {
			filter.fields |= MLOCK2MON_FILTER_TGID;
			filter.tgid = atoi(optarg);
		} else if (option == 'c') {
			filter.fields |= MLOCK2MON_FILTER_CALLS;
			filter.calls = 1U << call_of(optarg);
		} else if (option == 'f') {
			filter.fields = strtoul(optarg, NULL, 0);
		} else if (option == 'i') {
			fd = atoi(optarg);
		} else {
			return 2;
		}
	}
	if (fd == -1)
		fd = open(MLOCK2MON_DEVICE, O_RDONLY | O_NONBLOCK);
	if (fd == -1 || ioctl(fd, MLOCK2MON_IOC_FORMAT, &format)) {
		perror("binrec: " MLOCK2MON_DEVICE);
		return 1;
	}
	if (ioctl(fd, MLOCK2MON_IOC_FILTER, &filter)) {
		printf("refused %s\n", strerrorname_np(errno));
		return 0;
	}
	return read_all(fd);
}
