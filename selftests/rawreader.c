// SPDX-License-Identifier: GPL-2.0
/*
 * rawreader: read the records of flood to the mark, as a binary reader or from the mapped
 * ring, and compare each with what its address says.
 *
 *	rawreader [-m] [-b RECORDS] [-w WATERMARK] [-t SECONDS]
 *
 * -m  read from the mapping, by the protocol of mlock2mon.h
 * -b  size of the buffer of a binary reader
 * -w  wait for so many records
 * -t  give up after that time
 *
 * Prints one line of counts, like reader; departures from the contract are lines on
 * stderr, and make the exit status 1.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mlock2mon.h"
#include "pattern.h"
#include "promise.h"

#define MAX_COMPLAINTS	20

static struct {
	uint64_t	first;
	uint64_t	next;
	uint64_t	delivered;
	uint64_t	lost;
	uint64_t	losses;
	uint64_t	foreign;
	uint64_t	wrong;
	bool		marked;
} seen;

static struct {
	uint64_t	calls;
	uint64_t	next;
	uint32_t	tid;
} from[PATTERN_MAX_THREADS];

static void complain(const struct mlock2mon_record *rec, const char *what)
{
	if (seen.wrong++ < MAX_COMPLAINTS)
		fprintf(stderr, "rawreader: %s: seq %" PRIu64 " addr 0x%" PRIx64 " len %" PRIu64
			" call %u\n", what, (uint64_t)rec->seq, (uint64_t)rec->addr,
			(uint64_t)rec->len, rec->call);
}

static bool as_called(const struct mlock2mon_record *rec, const struct pattern *p)
{
	static const uint8_t call[] = { MLOCK2MON_MLOCK2, MLOCK2MON_MLOCK, MLOCK2MON_MUNLOCK };
	static char comm[PATTERN_MAX_THREADS][MLOCK2MON_COMM_LEN];
	unsigned int thread = pattern_thread(p->addr);

	/* Once: a reader that checks much is a slow reader. */
	if (!*comm[thread])
		snprintf(comm[thread], sizeof(comm[thread]), "flood-%u", thread);
	return rec->call == call[p->call] &&
	       !memcmp(rec->comm, comm[thread], sizeof(rec->comm)) &&
	       rec->addr == p->addr && rec->len == p->len && rec->flags == p->flags &&
	       rec->ret == -ENOMEM && rec->why == MLOCK2MON_WHY_HOLE && !rec->delta &&
	       !(rec->attr & MLOCK2MON_ATTR_ONFAULT) == !p->flags && !rec->reserved;
}

static void check_pattern(const struct mlock2mon_record *rec)
{
	unsigned int thread = pattern_thread(rec->addr);
	unsigned long n = pattern_number(rec->addr);
	struct pattern p = pattern_make(thread, n);

	if (!as_called(rec, &p))
		complain(rec, "not as called");
	if (n < from[thread].next)
		complain(rec, "after a later call of its thread");
	if (n > from[thread].next && !seen.lost)
		complain(rec, "a call of its thread is missing before");
	if (from[thread].tid && from[thread].tid != rec->tid)
		complain(rec, "tid of another thread");
	from[thread].tid = rec->tid;
	from[thread].next = n + 1;
	from[thread].calls++;
}

static void check(const struct mlock2mon_record *rec)
{
	if (!seen.next)
		seen.first = rec->seq;
	else if (rec->seq != seen.next)
		complain(rec, "not the next number");
	seen.next = rec->seq + 1;
	if (rec->call == MLOCK2MON_LOST) {
		seen.next = rec->seq + rec->len;
		seen.lost += rec->len;
		seen.losses++;
		if (!rec->len || rec->attr)
			complain(rec, "an odd loss");
		return;
	}
	seen.delivered++;
	if (rec->addr == PATTERN_MARK)
		seen.marked = true;
	else if (!pattern_owns(rec->addr))
		seen.foreign++;
	else
		check_pattern(rec);
}

static void follow_reads(int fd, size_t records)
{
	struct mlock2mon_record *buf = malloc(records * sizeof(*buf));
	ssize_t ret, i;

	need(buf, "get memory");
	while (!seen.marked) {
		ret = read(fd, buf, records * sizeof(*buf));
		need(ret > 0 && ret % sizeof(*buf) == 0, "read whole records");
		for (i = 0; i < ret / (ssize_t)sizeof(*buf) && !seen.marked; i++)
			check(&buf[i]);
	}
	free(buf);
}

static void lose(uint64_t first, uint64_t next)
{
	struct mlock2mon_record loss = {
		.seq = first, .len = next - first, .call = MLOCK2MON_LOST,
	};

	check(&loss);
}

/* Wait until there is something at position @n. */
static void wait_for(int fd, uint64_t n)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	need(lseek(fd, n, SEEK_SET) == (off_t)n, "seek");
	need(poll(&pfd, 1, -1) == 1, "poll");
}

/* The record of number @n, or false if it is lost. */
static bool get(int fd, const struct mlock2mon_record *slot, uint64_t n,
		struct mlock2mon_record *rec)
{
	const uint64_t flags = MLOCK2MON_SEQ_BUSY | MLOCK2MON_SEQ_LAPPED;
	uint64_t seq;

	for (;;) {
		seq = __atomic_load_n(&slot->seq, __ATOMIC_ACQUIRE);
		if ((seq & ~MLOCK2MON_SEQ_LAPPED) == n)
			break;
		if ((seq & ~flags) > n)
			return false;
		if ((seq & ~flags) < n && seq & MLOCK2MON_SEQ_LAPPED)
			return false;
		wait_for(fd, n);
	}
	memcpy(rec, slot, sizeof(*rec));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	rec->seq = n;
	return __atomic_load_n(&slot->seq, __ATOMIC_RELAXED) == seq;
}

static void follow_map(int fd)
{
	const struct mlock2mon_header *header;
	struct mlock2mon_info info;
	const char *slots;
	uint64_t n, next, end;
	struct mlock2mon_record rec;

	need(!ioctl(fd, MLOCK2MON_IOC_INFO, &info), "ask for the info");
	header = mmap(NULL, info.map_size, PROT_READ, MAP_SHARED, fd, 0);
	need(header != MAP_FAILED, "map " MLOCK2MON_DEVICE);
	slots = (const char *)header + header->data_offset;
	for (n = info.position; !seen.marked; n = next) {
		end = __atomic_load_n(&header->next, __ATOMIC_ACQUIRE);
		next = n + 1;
		if (n >= end) {
			wait_for(fd, n);
			next = n;
		} else if (end - n > header->records) {
			next = end - header->records;
			lose(n, next);
		} else if (get(fd, (const struct mlock2mon_record *)(slots + n % header->records *
						    header->record_size), n, &rec)) {
			check(&rec);
		} else {
			lose(n, next);
		}
	}
}

static void print_counts(void)
{
	int i;

	printf("first=%" PRIu64 " last=%" PRIu64 " delivered=%" PRIu64 " lost=%" PRIu64
	       " losses=%" PRIu64 " foreign=%" PRIu64 " wrong=%" PRIu64, seen.first,
	       seen.next - 1, seen.delivered, seen.lost, seen.losses, seen.foreign, seen.wrong);
	for (i = 0; i < PATTERN_MAX_THREADS; i++)
		if (from[i].calls)
			printf(" t%d=%" PRIu64, i, from[i].calls);
	printf("\n");
}

int main(int argc, char **argv)
{
	__u32 format = MLOCK2MON_FORMAT_BINARY;
	__u32 watermark = 1;
	size_t records = 1024;
	bool mapped = false;
	int fd, opt;

	while ((opt = getopt(argc, argv, "mb:w:t:")) != -1) {
		switch (opt) {
		case 'm':
			mapped = true;
			break;
		case 'b':
			records = strtoul(optarg, NULL, 0);
			break;
		case 'w':
			watermark = strtoul(optarg, NULL, 0);
			break;
		case 't':
			alarm(atoi(optarg));
			break;
		default:
			return 2;
		}
	}
	if (!records)
		return 2;
	fd = open(MLOCK2MON_DEVICE, O_RDONLY);
	need(fd != -1, "open " MLOCK2MON_DEVICE);
	need(!ioctl(fd, MLOCK2MON_IOC_FORMAT, &format), "set the format");
	need(!ioctl(fd, MLOCK2MON_IOC_WATERMARK, &watermark), "set the watermark");
	if (mapped)
		follow_map(fd);
	else
		follow_reads(fd, records);
	print_counts();
	return seen.wrong ? 1 : 0;
}
