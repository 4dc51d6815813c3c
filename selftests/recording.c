// SPDX-License-Identifier: GPL-2.0
/*
 * recording: writes a recording to stdout, as mlock2mon record would, of a day in the
 * life of a machine that is made up, but always the same.
 *
 *	recording RECORDS [lost | blocked | hostile SEED]
 *
 * Twelve programs, some with names that are none, lock and unlock; each fails in a way
 * of its own. With lost, every thousandth record is a loss. With blocked, the failures are
 * of calls that never reached the kernel function. With hostile, header and
 * checksums are right and all else is what chance makes it: nobody but the writer of the
 * file has seen to it that a name ends, or that a number is one that there is.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../format.c"
#include "../tools/capture.c"
#include "../tools/crc32c.c"
#include "../tools/origin.c"
#include "../tools/record.c"

#define SECOND	1000000000ULL
#define EPOCH	1787566530123456789LL	/* the boot was then */

static struct program {
	const char	*name;
	uint32_t	uid;
	uint64_t	limit;
	uint64_t	step;		/* bytes of a call */
	uint8_t		why;		/* of its failures */
	int		error;
	uint64_t	locked;
	uint64_t	calls;
	uint64_t	failures;
} programs[] = {
	{ "postgres", 105, 64 << 20, 4 << 20, MLOCK2MON_WHY_LIMIT, ENOMEM, 0, 0, 0 },
	{ "java", 1000, ~0ULL, 16 << 20, MLOCK2MON_WHY_NOMEM, EAGAIN, 0, 0, 0 },
	{ "gpg-agent", 1000, 8 << 20, 64 << 10, MLOCK2MON_WHY_LIMIT, ENOMEM, 0, 0, 0 },
	{ "chronyd", 110, 8 << 20, 512 << 10, MLOCK2MON_WHY_PERM, EPERM, 0, 0, 0 },
	{ "elasticsearch", 1001, 128 << 20, 8 << 20, MLOCK2MON_WHY_LIMIT, ENOMEM, 0, 0, 0 },
	{ "memlockd", 0, ~0ULL, 1 << 20, MLOCK2MON_WHY_HOLE, ENOMEM, 0, 0, 0 },
	{ "caf\xc3\xa9", 1002, 1 << 20, 4096, MLOCK2MON_WHY_FLAGS, EINVAL, 0, 0, 0 },
	{ "<b>&amp;\xff", 1003, 24 << 20, 2 << 20, MLOCK2MON_WHY_RANGE, EINVAL, 0, 0, 0 },
	{ "=cmd|' /C calc'", 1004, 1 << 20, 8192, MLOCK2MON_WHY_MAPS, ENOMEM, 0, 0, 0 },
	{ "rt-audio", 1000, 32 << 20, 256 << 10, MLOCK2MON_WHY_POPULATE, ENOMEM, 0, 0, 0 },
	{ "qemu-system-x86", 64055, ~0ULL, 32 << 20, MLOCK2MON_WHY_NOMEM, EAGAIN, 0, 0, 0 },
	{ "a\nb\x1b[31m", 1005, 1 << 20, 4096, MLOCK2MON_WHY_LIMIT, ENOMEM, 0, 0, 0 },
};

static struct capture_writer writer;
static uint64_t seed = 1;
static uint64_t now = 3600 * SECOND;

static uint64_t any(uint64_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (seed >> 33) % below;
}

static void add(struct mlock2mon_record *rec)
{
	static uint64_t seq;

	rec->seq = ++seq;
	if (!capture_add(&writer, rec))
		exit(1);
}

static void add_loss(void)
{
	struct mlock2mon_record rec = { .call = MLOCK2MON_LOST, .len = 1 };

	add(&rec);
}

static void fill_task(struct mlock2mon_record *rec, const struct program *p)
{
	rec->pid = 1000 + 10 * (p - programs);
	rec->tid = rec->pid + any(3);
	rec->uid = p->uid;
	rec->ppid = 1;
	rec->ns_pid = rec->pid;
	rec->ns_tid = rec->tid;
	rec->ns_ppid = 1;
	rec->pid_ns = 4026531836;
	rec->leader_start_ns = 100 * SECOND + rec->pid;
	rec->start_ns = rec->leader_start_ns + (rec->tid - rec->pid) * SECOND;
	rec->parent_start_ns = 10000000;
	rec->cgroup = 4711 + rec->uid;
	rec->cpu = any(4);
	rec->limit = p->limit;
	memcpy(rec->comm, p->name, strnlen(p->name, sizeof(rec->comm) - 1));
}

static void fail(struct mlock2mon_record *rec, struct program *p)
{
	rec->call = any(2) ? MLOCK2MON_MLOCK : MLOCK2MON_MLOCK2;
	rec->ret = -p->error;
	rec->why = p->why;
	rec->detail = p->why == MLOCK2MON_WHY_LIMIT ? p->step / 2 : 0;
	rec->dur_ns = 400 + any(3000);
	p->failures++;
}

static void lock(struct mlock2mon_record *rec, struct program *p)
{
	rec->call = any(4) ? MLOCK2MON_MLOCK : MLOCK2MON_MLOCK2;
	rec->flags = rec->call == MLOCK2MON_MLOCK2;
	rec->attr |= rec->flags ? MLOCK2MON_ATTR_ONFAULT : 0;
	rec->delta = p->step;
	rec->dur_ns = 900 + p->step / 16 + (any(50) ? any(40000) : any(80000000));
}

static void unlock(struct mlock2mon_record *rec, const struct program *p)
{
	rec->call = MLOCK2MON_MUNLOCK;
	rec->delta = -(int64_t)p->step;
	rec->dur_ns = 700 + any(20000);
}

static void add_call(struct program *p)
{
	struct mlock2mon_record rec = { 0 };
	bool over = p->locked + p->step > (p->limit == ~0ULL ? 256ULL << 20 : p->limit);

	fill_task(&rec, p);
	rec.ts_ns = now;
	rec.addr = 0x7f0000000000 + (any(1 << 20) << 12) + (any(8) ? 0 : 123);
	rec.len = p->step;
	if (over && any(3))
		fail(&rec, p);
	else if (p->locked >= p->step && (over || !any(3)))
		unlock(&rec, p);
	else
		lock(&rec, p);
	p->locked += rec.delta;
	p->calls++;
	rec.locked = p->locked;
	add(&rec);
}

static void block_failures(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(programs); i++) {
		programs[i].why = MLOCK2MON_WHY_BLOCKED;
		programs[i].error = EPERM;
	}
}

static void write_records(uint64_t records, bool lost)
{
	uint64_t i;

	for (i = 0; i < records; i++) {
		now += any(4 * 3600 * SECOND / (records + 1)) + 1;
		if (lost && i % 1000 == 999)
			add_loss();
		else
			add_call(&programs[any(any(6) ? 6 : ARRAY_SIZE(programs))]);
	}
}

/* --- what no machine would record --- */

static void fill_any(void *bytes, size_t size)
{
	uint8_t *byte = bytes;
	size_t i;

	/* Zeroes, ones and small numbers are what limits are near. */
	for (i = 0; i < size; i++)
		byte[i] = any(3) ? any(256) : any(2) ? 0 : 0xff;
}

static void any_records(char *payload, size_t nr)
{
	struct mlock2mon_record rec;
	size_t i;

	for (i = 0; i < nr; i++) {
		fill_any(&rec, sizeof(rec));
		if (any(2))
			rec.call = any(MLOCK2MON_NR_CALLS + 1);
		if (any(2))
			rec.why = any(MLOCK2MON_NR_WHYS + 1);
		if (any(2))
			rec.ret = -(int64_t)any(5000);
		if (any(2))
			rec.pid = any(4);
		memcpy(payload + i * sizeof(rec), &rec, sizeof(rec));
	}
}

static void any_origin(char *payload, size_t size)
{
	struct capture_origin *origin = (struct capture_origin *)payload;

	fill_any(payload, size);
	origin->pid = any(4);
	if (any(2))
		origin->executable_len = any(2) ? size - sizeof(*origin) : 16;
	if (any(2))
		strcpy(origin->container, "\"},\"forged\":{\"a\":\"");
}

static bool any_block(void)
{
	enum capture_kind kind = any(3) ? CAPTURE_RECORDS : any(4);
	size_t length = 8 * any(1000);
	uint64_t to = writer.from;

	if (kind == CAPTURE_END)
		kind = CAPTURE_ORIGIN;
	fill_any(writer.payload, length);
	if (kind == CAPTURE_RECORDS)
		any_records(writer.payload, length / sizeof(struct mlock2mon_record));
	if (kind == CAPTURE_ORIGIN && length > sizeof(struct capture_origin))
		any_origin(writer.payload, length);
	if (any(8))
		to += any(1000);
	else
		to = any(2) ? ~0ULL - any(100) : any(100);
	return write_block(&writer, kind, writer.payload, length, to);
}

static int write_hostile(struct capture_header *header, uint64_t blocks)
{
	struct capture_end end;

	fill_any(header->hostname, sizeof(header->hostname));
	fill_any(header->release, sizeof(header->release));
	header->boot_ns = any(2) ? INT64_MIN + any(10) : INT64_MAX - any(10);
	header->filter.fields = any(2);
	if (!capture_begin(&writer, header))
		return 1;
	while (blocks--) {
		if (!any_block())
			return 1;
	}
	fill_any(&end, sizeof(end));
	return !write_block(&writer, CAPTURE_END, &end, sizeof(end), writer.from);
}

int main(int argc, char **argv)
{
	struct capture_header header = {
		.abi = MLOCK2MON_ABI, .page_size = 4096, .load_id = 0x1234567890abcdef,
		.boot_ns = EPOCH, .hostname = "host1", .release = "6.12.0-made-up",
		.machine = "x86_64",
	};
	struct origin origin = {
		.pid = 1000, .start_ns = 100 * SECOND + 1000, .comm = "postgres",
		.executable = "/usr/lib/postgresql/17/bin/postgres",
	};
	struct capture_end end;

	if (argc < 2 || atoll(argv[1]) < 1) {
		fprintf(stderr, "Usage: recording RECORDS [lost | blocked | hostile SEED]\n");
		return 2;
	}
	memset(origin.container, 'c', 64);
	writer.file = stdout;
	writer.next = 1;
	if (argc > 3) {
		seed = atoll(argv[3]);
		return write_hostile(&header, atoll(argv[1]));
	}
	if (!capture_begin(&writer, &header) || !capture_add_origin(&writer, &origin))
		return 1;
	if (argc > 2 && !strcmp(argv[2], "blocked"))
		block_failures();
	write_records(atoll(argv[1]), argc > 2 && !strcmp(argv[2], "lost"));
	end = writer.sum;
	return !capture_end(&writer, &end);
}
