// SPDX-License-Identifier: GPL-2.0
/* build: fuzz */
/*
 * Whatever order writers and readers of a small ring come in, at each place where one of
 * them looks at or changes what is shared: no slot has two writers, no record is torn, each
 * is either read or counted as lost, none is lost that could have been read, and in the end
 * all of them can be told. The input says who comes next. Who comes in between is done, or
 * has filled half of a slot, when the other goes on; ring.pml knows all other orders.
 */
#include "userkernel.h"

static void *copy_torn(void *to, const void *from, size_t size);

#define memcpy copy_torn
#include "../ring.c"
#undef memcpy
#include <assert.h>

/* ---- wake.c */

int mlmon_waker_init(struct mlmon_waker *waker, wait_queue_head_t *sleepers)
{
	waker->sleepers = sleepers;
	return 0;
}

void mlmon_waker_exit(struct mlmon_waker *waker)
{
	(void)waker;
}

void mlmon_waker_ask(struct mlmon_waker *waker, bool hurry)
{
	(void)hurry;
	waker->sleepers->sleepers = false;
}

#define MOST_RECORDS	2048	/* an input has fewer bytes */
#define MOST_DEPTH	4
#define NR_WRITERS	4
#define NR_READERS	3
#define WORDS		(sizeof(struct mlock2mon_record) / sizeof(u64))

enum fate {
	NOT_CLAIMED,
	FILLING,
	PUBLISHED,
	DROPPED,
};

struct writer {
	bool			busy;	/* somewhere in begin or end */
	bool			open;	/* has a slot */
	struct mlmon_claim	claim;
};

struct reader {
	bool	busy;
	u64	first;
	u64	seq;
	u64	lost;
	u64	got;
};

static const uint8_t *input;
static size_t left;
static unsigned int depth;
static struct mlmon_ring ring;
static enum fate fates[MOST_RECORDS];
static struct writer writers[NR_WRITERS];
static struct reader readers[NR_READERS];
static u64 dropped;

static unsigned int choose(unsigned int n)
{
	if (!left)
		return 0;
	left--;
	return *input++ % n;
}

/* ---- records: what is in one follows from its number ---- */

static u64 word(u64 seq, size_t i)
{
	return (seq << 8 | i) * 0x9e3779b97f4a7c15;
}

static void fill(struct mlmon_claim claim, size_t from, size_t to)
{
	u64 *slot = (u64 *)claim.slot;

	for (; from < to; from++)
		slot[from] = word(claim.seq, from);
}

static void check_record(const struct mlock2mon_record *rec, u64 seq)
{
	const u64 *words = (const u64 *)rec;
	size_t i;

	assert(rec->seq == seq && fates[seq] == PUBLISHED);
	for (i = 1; i < WORDS; i++)
		assert(words[i] == word(seq, i));
}

static void *copy_torn(void *to, const void *from, size_t size)
{
	size_t half = size / 2;

	others();
	memmove(to, from, half);
	others();
	memmove((char *)to + half, (const char *)from + half, size - half);
	return to;
}

/* ---- writers and readers ---- */

static bool has_slot(const struct mlock2mon_record *slot)
{
	size_t i;

	for (i = 0; i < NR_WRITERS; i++) {
		if (writers[i].open && writers[i].claim.slot == slot)
			return true;
	}
	return false;
}

static void begin(struct writer *writer)
{
	struct mlmon_claim claim = mlmon_ring_begin(&ring);

	assert(claim.seq < MOST_RECORDS && fates[claim.seq] == NOT_CLAIMED);
	if (!claim.slot) {
		fates[claim.seq] = DROPPED;
		dropped++;
		return;
	}
	assert(!has_slot(claim.slot));
	fates[claim.seq] = FILLING;
	writer->claim = claim;
	writer->open = true;
	fill(claim, 1, WORDS / 2);
}

static void end(struct writer *writer)
{
	fill(writer->claim, WORDS / 2, WORDS);
	others();
	fates[writer->claim.seq] = PUBLISHED;
	writer->open = false;
	mlmon_ring_end(&ring, writer->claim);
}

static void write_one(struct writer *writer)
{
	if (writer->busy)
		return;
	writer->busy = true;
	if (writer->open)
		end(writer);
	else
		begin(writer);
	writer->busy = false;
}

/* Is it true that a record is gone? Its writer may not know yet that it will have no slot. */
static bool is_lost(u64 seq)
{
	return fates[seq] == DROPPED || fates[seq] == NOT_CLAIMED ||
	       (u64)ring.next->value > seq + ring.mask + 1;
}

static void read_one(struct reader *reader)
{
	struct mlock2mon_record rec;
	u64 seq = reader->seq, lost = reader->lost;

	if (reader->busy)
		return;
	reader->busy = true;
	if (mlmon_ring_read(&ring, &reader->seq, &reader->lost, &rec)) {
		check_record(&rec, reader->seq);
		reader->seq++;
		reader->got++;
	}
	assert(reader->lost - lost <= reader->seq - seq);
	for (; lost < reader->lost; lost++)
		assert(is_lost(seq++));
	assert(reader->seq - reader->first == reader->got + reader->lost);
	reader->busy = false;
}

static void start(struct reader *reader)
{
	u64 seq;

	if (reader->busy)
		return;
	seq = mlmon_ring_oldest(&ring);
	*reader = (struct reader){ .first = seq, .seq = seq };
}

static void one_step(void)
{
	unsigned int who = choose(16);

	if (who < 8)
		write_one(&writers[who % NR_WRITERS]);
	else if (who < 14)
		read_one(&readers[who % NR_READERS]);
	else if (who == 14)
		start(&readers[choose(NR_READERS)]);
	else
		ring.readers.sleepers = true;
}

static void others(void)
{
	unsigned int n;

	if (depth == MOST_DEPTH || !left)
		return;
	depth++;
	for (n = choose(8) == 0 ? 1 + choose(8) : 0; n && left; n--)
		one_step();
	depth--;
}

/* ---- in the end ---- */

static void check_end(struct reader *reader)
{
	u64 next = mlmon_ring_next(&ring);
	u64 seq, got;

	while (reader->seq < next) {
		seq = reader->seq;
		got = reader->got;
		assert(mlmon_ring_readable(&ring, seq));
		if (mlmon_ring_lost(&ring, seq))
			assert(is_lost(seq));
		read_one(reader);
		assert(reader->seq > seq);
		if (seq + ring.mask + 1 >= next)
			assert((reader->got > got) == (fates[seq] == PUBLISHED));
	}
	assert(reader->seq == next && !mlmon_ring_readable(&ring, next));
	assert(!mlmon_ring_lost(&ring, next));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t i;

	input = data;
	left = size;
	dropped = 0;
	memset(fates, 0, sizeof(fates));
	memset(writers, 0, sizeof(writers));
	if (mlmon_ring_init(&ring, 1 << choose(4), 1))
		abort();
	for (i = 0; i < NR_READERS; i++)
		readers[i] = (struct reader){ .first = 1, .seq = 1 };
	while (left)
		one_step();
	for (i = 0; i < NR_WRITERS; i++) {
		if (writers[i].open)
			end(&writers[i]);
	}
	for (i = 0; i < NR_READERS; i++)
		check_end(&readers[i]);
	start(&readers[0]);
	assert(readers[0].first + ring.mask + 1 >= mlmon_ring_next(&ring));
	check_end(&readers[0]);
	assert((u64)ring.dropped.value == dropped);
	mlmon_ring_exit(&ring);
	return 0;
}
