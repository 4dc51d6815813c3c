// SPDX-License-Identifier: GPL-2.0
/*
 * reader: read /dev/mlock2mon to the mark and hold every byte to the contract.
 *
 *	reader [-b BYTES] [-g] [-p] [-d MICROSECONDS] [-t SECONDS] [-v]
 *
 * -b  size of the buffer
 * -g  begin every read with one byte and double it as long as it is too small
 * -p  wait in poll() and read without blocking
 * -d  pause after every read
 * -t  give up after that time
 * -v  the records are those of flood: compare each with what its address says
 *
 * Ends after the record with the address PATTERN_MARK. Prints one line of
 * counts; every departure from the contract is a line on stderr, and makes the
 * exit status 1. The contract: a read gives whole lines; a line is a record
 * with the keys of mlock2mon(4) in their order or a loss; sequence numbers
 * leave no gap that a loss does not name exactly.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

#include "mlock2mon.h"
#include "pattern.h"
#include "promise.h"

#define MAX_BUFFER	(1 << 20)
#define MAX_COMPLAINTS	20

enum kind {
	DECIMAL,
	SIGNED,
	RESULT,			/* SIGNED, or an address as HEX */
	HEX,
	TIME,
	WORD,
	QUOTED,
	LIMIT,
};

enum key {
	SEQ, TS, CPU, CALL, PID, TID, UID, COMM, ADDR, LEN, FLAGS, RET, ERRNO, DUR_NS,
	LOCKED_KB, DELTA_KB, LIMIT_KB, CAP, CGROUP,
	NR_ALWAYS,
	WHY = NR_ALWAYS, SHORT_KB, MAX_MAPS, HEADROOM_KB, LIKELY, PAGE_ADDR, PAGE_LEN, COMPAT,
	CAPNS, RACY, ONFAULT, UNTRACKED, OLD_LEN, NEW_ADDR, REPEAT, LAST, CALLS, FAILURES,
	PEAK_KB, HELD_KB, NS_PID, NS_TID,
	NR_KEYS
};

static const struct {
	const char	*name;
	enum kind	kind;
} keys[NR_KEYS] = {
	[SEQ] = { "seq", DECIMAL },
	[TS] = { "ts", TIME },
	[CPU] = { "cpu", DECIMAL },
	[CALL] = { "call", WORD },
	[PID] = { "pid", DECIMAL },
	[TID] = { "tid", DECIMAL },
	[UID] = { "uid", DECIMAL },
	[COMM] = { "comm", QUOTED },
	[ADDR] = { "addr", HEX },
	[LEN] = { "len", DECIMAL },
	[FLAGS] = { "flags", WORD },
	[RET] = { "ret", RESULT },
	[ERRNO] = { "errno", WORD },
	[DUR_NS] = { "dur_ns", DECIMAL },
	[LOCKED_KB] = { "locked_kb", DECIMAL },
	[DELTA_KB] = { "delta_kb", SIGNED },
	[LIMIT_KB] = { "limit_kb", LIMIT },
	[CAP] = { "cap", DECIMAL },
	[CGROUP] = { "cgroup", DECIMAL },
	[WHY] = { "why", WORD },
	[SHORT_KB] = { "short_kb", DECIMAL },
	[MAX_MAPS] = { "max_maps", DECIMAL },
	[HEADROOM_KB] = { "headroom_kb", DECIMAL },
	[LIKELY] = { "likely", DECIMAL },
	[PAGE_ADDR] = { "page_addr", HEX },
	[PAGE_LEN] = { "page_len", DECIMAL },
	[COMPAT] = { "compat", DECIMAL },
	[CAPNS] = { "capns", DECIMAL },
	[RACY] = { "racy", DECIMAL },
	[ONFAULT] = { "onfault", DECIMAL },
	[UNTRACKED] = { "untracked", DECIMAL },
	[OLD_LEN] = { "old_len", DECIMAL },
	[NEW_ADDR] = { "new_addr", HEX },
	[REPEAT] = { "repeat", DECIMAL },
	[LAST] = { "last", TIME },
	[CALLS] = { "calls", DECIMAL },
	[FAILURES] = { "failures", DECIMAL },
	[PEAK_KB] = { "peak_kb", DECIMAL },
	[HELD_KB] = { "held_kb", DECIMAL },
	[NS_PID] = { "ns_pid", DECIMAL },
	[NS_TID] = { "ns_tid", DECIMAL },
};

struct value {
	const char	*text;
	size_t		len;
	uint64_t	number;
};

static struct {
	uint64_t	first;
	uint64_t	next;
	uint64_t	delivered;
	uint64_t	lost;
	uint64_t	losses;
	uint64_t	foreign;
	uint64_t	reads;
	uint64_t	checksum;
	uint64_t	complaints;
	bool		marked;
} seen = { .checksum = 0xcbf29ce484222325 };

static struct {
	uint64_t	calls;
	uint64_t	next;
	uint64_t	tid;
} from[PATTERN_MAX_THREADS];

static bool verify;

__attribute__((format(printf, 3, 4)))
static void complain(const char *line, size_t len, const char *fmt, ...)
{
	va_list ap;

	if (seen.complaints++ >= MAX_COMPLAINTS)
		return;
	fprintf(stderr, "reader: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %.*s\n", (int)len, line);
}

static const char *skip_digits(const char *p)
{
	while (isdigit((unsigned char)*p))
		p++;
	return p;
}

/* The end of a quoted string, or NULL if a byte of it should have been escaped. */
static const char *skip_quoted(const char *p)
{
	if (*p++ != '"')
		return NULL;
	for (; *p != '"'; p++) {
		if (*p < ' ' || *p > '~')
			return NULL;
		if (*p != '\\')
			continue;
		p++;
		if (*p == 'x' && strspn(p + 1, "0123456789abcdef") >= 2)
			p += 2;
		else if (*p != '"' && *p != '\\')
			return NULL;
	}
	return p + 1;
}

static const char *skip_time(const char *p)
{
	const char *dot = skip_digits(p);

	if (dot == p || *dot != '.' || skip_digits(dot + 1) != dot + 10)
		return NULL;
	return dot + 10;
}

static const char *skip_value(const char *p, enum kind kind)
{
	const char *end;

	switch (kind) {
	case QUOTED:
		return skip_quoted(p);
	case TIME:
		return skip_time(p);
	case RESULT:
		return skip_value(p, strncmp(p, "0x", 2) ? SIGNED : HEX);
	case HEX:
		if (strncmp(p, "0x", 2))
			return NULL;
		p += 2;
		end = p + strspn(p, "0123456789abcdef");
		break;
	case WORD:
		end = p + strcspn(p, "\n \"");
		break;
	case LIMIT:
		if (!strncmp(p, "unlimited", 9))
			return p + 9;
		end = skip_digits(p);
		break;
	case SIGNED:
		p += *p == '-';
		end = skip_digits(p);
		break;
	default:
		end = skip_digits(p);
	}
	return end == p ? NULL : end;
}

/* Take a record apart; false if it is not exactly one. @line ends with a newline. */
static bool parse(const char *line, struct value *value)
{
	const char *p = line;
	const char *end;
	size_t len;
	int key;

	memset(value, 0, NR_KEYS * sizeof(*value));
	for (key = 0; key < NR_KEYS; key++) {
		len = strlen(keys[key].name);
		if (strncmp(p, keys[key].name, len) || p[len] != '=') {
			if (key < NR_ALWAYS)
				return false;
			continue;
		}
		p += len + 1;
		end = skip_value(p, keys[key].kind);
		if (!end || (*end != ' ' && *end != '\n'))
			return false;
		value[key].text = p;
		value[key].len = end - p;
		value[key].number = strtoull(p, NULL, keys[key].kind == HEX ? 16 : 10);
		if (*end == '\n')
			return key >= NR_ALWAYS - 1;
		p = end + 1;
	}
	return false;
}

static bool is(const struct value *value, const char *text)
{
	return value->text && value->len == strlen(text) &&
	       !memcmp(value->text, text, value->len);
}

static bool is_number(const struct value *value, uint64_t number)
{
	return value->text && value->number == number;
}

static bool has_range(const struct value *value, const struct pattern *p)
{
	uint64_t start = p->addr & ~4095UL;
	uint64_t len = ((p->addr & 4095) + p->len + 4095) & ~4095UL;

	if (start == p->addr && len == p->len)
		return !value[PAGE_ADDR].text && !value[PAGE_LEN].text;
	return is_number(&value[PAGE_ADDR], start) && is_number(&value[PAGE_LEN], len);
}

static bool as_called(const struct value *value, const struct pattern *p)
{
	static const char * const call[] = { "mlock2", "mlock", "munlock" };
	char comm[20];

	snprintf(comm, sizeof(comm), "\"flood-%u\"", pattern_thread(p->addr));
	return is(&value[CALL], call[p->call]) && is(&value[COMM], comm) &&
	       is_number(&value[ADDR], p->addr) && is_number(&value[LEN], p->len) &&
	       is(&value[FLAGS], p->flags ? "ONFAULT" : "0") &&
	       is(&value[RET], "-12") && is(&value[ERRNO], "ENOMEM") &&
	       is(&value[WHY], "hole") && is(&value[DELTA_KB], "0") &&
	       !!value[ONFAULT].text == !!p->flags && has_range(value, p);
}

/* A record of flood: right in itself, and in the order its thread called. */
static void check_pattern(const char *line, size_t len, const struct value *value)
{
	unsigned int thread = pattern_thread(value[ADDR].number);
	unsigned long n = pattern_number(value[ADDR].number);
	struct pattern p = pattern_make(thread, n);

	if (!as_called(value, &p))
		complain(line, len, "not as called");
	if (n < from[thread].next)
		complain(line, len, "call %lu of its thread after call %" PRIu64, n,
			 from[thread].next - 1);
	if (n > from[thread].next && !seen.lost)
		complain(line, len, "call %" PRIu64 " of its thread is missing",
			 from[thread].next);
	if (from[thread].tid && from[thread].tid != value[TID].number)
		complain(line, len, "tid of another thread");
	from[thread].tid = value[TID].number;
	from[thread].next = n + 1;
	from[thread].calls++;
}

static void check_next(const char *line, size_t len, uint64_t seq)
{
	if (!seen.next)
		seen.first = seq;
	else if (seq != seen.next)
		complain(line, len, "expected seq %" PRIu64, seen.next);
}

static void check_loss(const char *line, size_t len)
{
	uint64_t lost, first, last;
	char again[80];

	if (sscanf(line, "lost=%" SCNu64 " seq=%" SCNu64 "..%" SCNu64, &lost, &first,
		   &last) != 3) {
		complain(line, len, "neither a record nor a loss");
		return;
	}
	snprintf(again, sizeof(again), "lost=%" PRIu64 " seq=%" PRIu64 "..%" PRIu64 "\n", lost,
		 first, last);
	if (strlen(again) != len || memcmp(again, line, len))
		complain(line, len, "loss in an unknown form");
	if (!lost || last - first + 1 != lost)
		complain(line, len, "loss does not add up");
	check_next(line, len, first);
	seen.next = last + 1;
	seen.lost += lost;
	seen.losses++;
}

static void check_line(const char *line, size_t len)
{
	struct value value[NR_KEYS];

	if (!strncmp(line, "lost=", 5)) {
		check_loss(line, len);
		return;
	}
	if (!parse(line, value)) {
		complain(line, len, "not a record");
		return;
	}
	check_next(line, len, value[SEQ].number);
	seen.next = value[SEQ].number + 1;
	seen.delivered++;
	if (value[ADDR].number == PATTERN_MARK)
		seen.marked = true;
	else if (!pattern_owns(value[ADDR].number))
		seen.foreign++;
	else if (verify)
		check_pattern(line, len, value);
}

static void add_to_checksum(const char *line, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		seen.checksum = (seen.checksum ^ (unsigned char)line[i]) * 0x100000001b3;
}

/* To the mark; what comes after it is not the workload's. @buf has room for a byte more. */
static void check_read(char *buf, size_t len)
{
	char *line = buf;
	char *end;

	seen.reads++;
	buf[len] = '\0';
	while (line < buf + len && !seen.marked) {
		end = memchr(line, '\n', buf + len - line);
		if (!end) {
			complain(line, buf + len - line, "not a whole line");
			return;
		}
		add_to_checksum(line, end + 1 - line);
		check_line(line, end + 1 - line);
		line = end + 1;
	}
}

static ssize_t read_growing(int fd, char *buf, size_t max)
{
	size_t size = 1;
	ssize_t ret;

	for (;;) {
		ret = read(fd, buf, size);
		if (ret >= 0 || errno != EINVAL || size >= max)
			return ret;
		size *= 2;
		if (size > max)
			size = max;
	}
}

static void follow(int fd, char *buf, size_t size, bool grow, unsigned int pause_us)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	bool nonblock = fcntl(fd, F_GETFL) & O_NONBLOCK;
	ssize_t ret;

	while (!seen.marked) {
		if (nonblock)
			need(poll(&pfd, 1, -1) == 1, "poll");
		ret = grow ? read_growing(fd, buf, size) : read(fd, buf, size);
		if (ret == -1 && errno == EAGAIN && nonblock)
			continue;
		need(ret > 0, "read");
		check_read(buf, ret);
		if (pause_us)
			usleep(pause_us);
	}
}

static void print_counts(void)
{
	int i;

	printf("first=%" PRIu64 " last=%" PRIu64 " delivered=%" PRIu64 " lost=%" PRIu64
	       " losses=%" PRIu64 " foreign=%" PRIu64 " reads=%" PRIu64 " wrong=%" PRIu64
	       " checksum=%016" PRIx64, seen.first, seen.next - 1, seen.delivered, seen.lost,
	       seen.losses, seen.foreign, seen.reads, seen.complaints, seen.checksum);
	for (i = 0; verify && i < PATTERN_MAX_THREADS; i++)
		if (from[i].calls)
			printf(" t%d=%" PRIu64, i, from[i].calls);
	printf("\n");
}

int main(int argc, char **argv)
{
	unsigned int pause_us = 0;
	int flags = O_RDONLY;
	size_t size = 4096;
	bool grow = false;
	char *buf;
	int opt;
	int fd;

	while ((opt = getopt(argc, argv, "b:gpd:t:v")) != -1) {
		switch (opt) {
		case 'b':
			size = strtoul(optarg, NULL, 0);
			break;
		case 'g':
			grow = true;
			break;
		case 'p':
			flags |= O_NONBLOCK;
			break;
		case 'd':
			pause_us = atoi(optarg);
			break;
		case 't':
			alarm(atoi(optarg));
			break;
		case 'v':
			verify = true;
			break;
		default:
			return 2;
		}
	}
	if (!size || size > MAX_BUFFER)
		return 2;
	buf = malloc(size + 1);
	need(buf, "get memory");
	fd = open(MLOCK2MON_DEVICE, flags);
	need(fd != -1, "open " MLOCK2MON_DEVICE);
	follow(fd, buf, size, grow, pause_us);
	print_counts();
	return seen.complaints ? 1 : 0;
}
