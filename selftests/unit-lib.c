// SPDX-License-Identifier: GPL-2.0
/* build: cmocka */
/*
 * The library, without the device: a ring in memory that is written as ring.c does,
 * and a pipe that gives records as the device does.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

/* What happens between the copy of a record and the second look at its number. */
static void (*meanwhile)(void);

static inline void after_copy(void)
{
	void (*call)(void) = meanwhile;

	meanwhile = NULL;
	if (call)
		call();
}

#define __atomic_thread_fence(order)	(after_copy(), __atomic_thread_fence(order))

#include "../format.c"
#include "../tools/libmlock2mon.c"

#define BUSY	MLOCK2MON_SEQ_BUSY
#define LAPPED	MLOCK2MON_SEQ_LAPPED
#define RECORDS	8
#define FLOOD	60000

static struct {
	struct mlock2mon_header	header;
	uint64_t		pad[3];
	char			slots[RECORDS * 256];
} memory;

/* ---- writing ---- */

static struct mlock2mon_record *slot_of(uint64_t seq)
{
	return (void *)(memory.slots + (seq & (RECORDS - 1)) * memory.header.record_size);
}

static void set_state(uint64_t seq, uint64_t state)
{
	__atomic_store_n(&slot_of(seq)->seq, state, __ATOMIC_RELEASE);
}

static uint64_t claim(void)
{
	return __atomic_fetch_add(&memory.header.next, 1, __ATOMIC_SEQ_CST);
}

/* Every word of a record but the first tells its number. */
static void fill(uint64_t seq)
{
	uint64_t *word = (uint64_t *)slot_of(seq);
	size_t i;

	for (i = 1; i < sizeof(struct mlock2mon_record) / 8; i++)
		__atomic_store_n(&word[i], seq, __ATOMIC_RELAXED);
}

static bool is_whole(const struct mlock2mon_record *rec)
{
	uint64_t word[sizeof(*rec) / 8];
	size_t i;

	memcpy(word, rec, sizeof(word));
	for (i = 0; i < ARRAY_SIZE(word); i++) {
		if (word[i] != rec->seq)
			return false;
	}
	return true;
}

static void put(void)
{
	uint64_t seq = claim();

	set_state(seq, seq | BUSY);
	fill(seq);
	set_state(seq, seq);
}

static void put_many(unsigned int n)
{
	while (n--)
		put();
}

static void put_a_ring(void)
{
	put_many(RECORDS);
}

/* ---- reading ---- */

static void set_up_ring(size_t record_size)
{
	memset(&memory, 0, sizeof(memory));
	memory.header.abi = MLOCK2MON_ABI;
	memory.header.record_size = record_size;
	memory.header.records = RECORDS;
	memory.header.data_offset = offsetof(typeof(memory), slots);
	memory.header.map_size = sizeof(memory);
	memory.header.next = 1;
}

/* The file is one that can be sought in, and nothing else. */
static struct mlock2mon *mapped_of(size_t record_size)
{
	struct mlock2mon *reader = calloc(1, sizeof(*reader));

	assert_non_null(reader);
	set_up_ring(record_size);
	assert_true(ring_init(&reader->ring, &memory.header, sizeof(memory)));
	reader->fd = memfd_create("position", 0);
	assert_true(reader->fd >= 0);
	reader->position = 1;
	reader->told = 1;
	return reader;
}

static struct mlock2mon *mapped(void)
{
	return mapped_of(sizeof(struct mlock2mon_record));
}

static void expect_nothing(struct mlock2mon *reader)
{
	struct mlock2mon_record rec;

	assert_int_equal(mlock2mon_next(reader, &rec), 0);
	if (is_mapped(reader))
		assert_int_equal(lseek(reader->fd, 0, SEEK_CUR),
				 reader->position == 1 ? 0 : reader->position);
}

static void expect_record(struct mlock2mon *reader, uint64_t seq)
{
	struct mlock2mon_record rec;

	assert_int_equal(mlock2mon_next(reader, &rec), 1);
	assert_int_equal(rec.seq, seq);
	assert_true(is_whole(&rec));
}

static void expect_loss(struct mlock2mon *reader, uint64_t seq, uint64_t lost, unsigned int attr)
{
	const struct mlock2mon_record want = {
		.call = MLOCK2MON_LOST, .seq = seq, .len = lost, .attr = attr,
	};
	struct mlock2mon_record rec;
	uint64_t before = mlock2mon_loss(reader);

	assert_int_equal(mlock2mon_next(reader, &rec), 1);
	assert_memory_equal(&rec, &want, sizeof(rec));
	assert_int_equal(mlock2mon_loss(reader), before + lost);
}

static void records_come_in_order_and_the_ring_wraps(void **state)
{
	struct mlock2mon *reader = mapped();
	uint64_t seq = 1;
	unsigned int n, i;

	(void)state;
	expect_nothing(reader);
	for (n = 1; n <= 2 * RECORDS; n++) {
		put_many(n % RECORDS + 1);
		for (i = 0; i < n % RECORDS + 1; i++)
			expect_record(reader, seq++);
		expect_nothing(reader);
	}
	assert_int_equal(mlock2mon_loss(reader), 0);
	mlock2mon_close(reader);
}

static void larger_records_are_walked_over(void **state)
{
	struct mlock2mon *reader = mapped_of(256);
	uint64_t seq;

	(void)state;
	put_a_ring();
	for (seq = 1; seq <= RECORDS; seq++)
		expect_record(reader, seq);
	expect_nothing(reader);
	mlock2mon_close(reader);
}

static void what_was_overwritten_is_lost(void **state)
{
	struct mlock2mon *reader = mapped();

	(void)state;
	put_many(3 * RECORDS + 2);
	expect_loss(reader, 1, 2 * RECORDS + 2, 0);
	expect_record(reader, 2 * RECORDS + 3);
	put_many(3);
	expect_loss(reader, 2 * RECORDS + 4, 2, 0);
	expect_record(reader, 2 * RECORDS + 6);
	mlock2mon_close(reader);
}

static void a_busy_record_is_waited_for(void **state)
{
	struct mlock2mon *reader = mapped();
	uint64_t seq = claim();

	(void)state;
	expect_nothing(reader);
	set_state(seq, seq | BUSY);
	expect_nothing(reader);
	put();
	expect_nothing(reader);
	fill(seq);
	set_state(seq, seq);
	expect_record(reader, 1);
	expect_record(reader, 2);
	mlock2mon_close(reader);
}

/* Its writer found the one before busy: older and marked. */
static void a_record_that_was_given_up_is_lost(void **state)
{
	struct mlock2mon *reader = mapped();

	(void)state;
	put_a_ring();
	assert_int_equal(mlock2mon_seek(reader, MLOCK2MON_SEEK_NUMBER, RECORDS + 1), 0);
	set_state(1, 1 | BUSY);
	claim();
	expect_nothing(reader);
	set_state(1, 1 | BUSY | LAPPED);
	expect_loss(reader, RECORDS + 1, 1, 0);
	put();
	expect_record(reader, RECORDS + 2);
	mlock2mon_close(reader);
}

/* ... and the one before, once complete, is there all the same. */
static void a_marked_record_is_there(void **state)
{
	struct mlock2mon *reader = mapped();

	(void)state;
	put();
	set_state(1, 1 | BUSY | LAPPED);
	expect_nothing(reader);
	set_state(1, 1 | LAPPED);
	expect_record(reader, 1);
	mlock2mon_close(reader);
}

static void a_newer_record_in_its_place_is_a_loss(void **state)
{
	struct mlock2mon *reader = mapped();

	(void)state;
	put();
	set_state(1, (1 + RECORDS) | BUSY);
	expect_loss(reader, 1, 1, 0);
	put();
	set_state(2, 2 + RECORDS);
	expect_loss(reader, 2, 1, 0);
	mlock2mon_close(reader);
}

static void make_busy(void)
{
	set_state(1, (1 + RECORDS) | BUSY);
}

static void mark_lapped(void)
{
	set_state(1, 1 | LAPPED);
}

static void put_three_rings(void)
{
	put_many(3 * RECORDS);
}

static void what_changes_during_the_copy_is_lost(void **state)
{
	static void (*const change[])(void) = { put_a_ring, make_busy, mark_lapped,
						put_three_rings };
	struct mlock2mon *reader;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(change); i++) {
		reader = mapped();
		put();
		meanwhile = change[i];
		expect_loss(reader, 1, 1, 0);
		assert_null(meanwhile);
		mlock2mon_close(reader);
	}
}

static void a_filter_skips_and_counts(void **state)
{
	static const struct mlock2mon_filter filter = {
		.fields = MLOCK2MON_FILTER_MIN_BYTES, .min_bytes = 5,
	};
	struct mlock2mon *reader = mapped();

	(void)state;
	reader->filter = filter;
	put_many(4);
	expect_nothing(reader);
	assert_int_equal(reader->skipped, 4);
	put_many(2);
	expect_record(reader, 5);
	expect_record(reader, 6);
	reader->position = 2;
	expect_record(reader, 5);
	assert_int_equal(reader->skipped, 4 + 3);
	put_many(RECORDS);
	expect_loss(reader, 6, 1, MLOCK2MON_ATTR_UNFILTERED);
	mlock2mon_close(reader);
}

/* Or it might go on for ever while all that is written is kept back. */
static void a_filter_does_not_hold_a_reader(void **state)
{
	static const struct mlock2mon_filter filter = {
		.fields = MLOCK2MON_FILTER_UID, .uid = 12345,
	};
	struct mlock2mon *reader = mapped();

	(void)state;
	reader->filter = filter;
	put();
	meanwhile = put;
	expect_nothing(reader);
	assert_int_equal(reader->position, 2);
	mlock2mon_close(reader);
}

static void near_is_marked(void **state)
{
	static const struct mlock2mon_filter filter = {
		.fields = MLOCK2MON_FILTER_NEAR, .near_bytes = 4096,
	};
	struct mlock2mon *reader = mapped();
	struct mlock2mon_record rec, *slot;

	(void)state;
	reader->filter = filter;
	put();
	slot = slot_of(1);
	memset(&slot->ts_ns, 0, sizeof(*slot) - sizeof(slot->seq));
	slot->locked = 1000;
	slot->limit = 2000;
	assert_int_equal(mlock2mon_next(reader, &rec), 1);
	assert_int_equal(rec.why, MLOCK2MON_WHY_NEAR_LIMIT);
	assert_int_equal(rec.detail, 1000);
	assert_int_equal(slot->why, MLOCK2MON_WHY_NONE);
	mlock2mon_close(reader);
}

static void a_strange_header_is_refused(void **state)
{
	struct ring ring;

	(void)state;
#define REFUSED(member, value) do { \
	set_up_ring(192); \
	memory.header.member = (value); \
	assert_false(ring_init(&ring, &memory.header, sizeof(memory))); \
} while (0)
	REFUSED(records, 0);
	REFUSED(records, 3);
	REFUSED(records, 2 * RECORDS);
	REFUSED(records, 1ULL << 63);
	REFUSED(record_size, 184);
	REFUSED(record_size, 196);
	REFUSED(record_size, 4096);
	REFUSED(data_offset, 0);
	REFUSED(data_offset, sizeof(memory));
	REFUSED(data_offset, 0ULL - 8);
#undef REFUSED
}

/* ---- threads: two write as ring.c does, one reads ---- */

static int writers;

static void write_one(void)
{
	uint64_t seq = claim(), state, want;
	uint64_t *place = (uint64_t *)&slot_of(seq)->seq;

	state = __atomic_load_n(place, __ATOMIC_RELAXED);
	do {
		if ((state & ~(BUSY | LAPPED)) > seq)
			return;
		want = state & BUSY ? state | LAPPED : seq | BUSY;
	} while (!__atomic_compare_exchange_n(place, &state, want, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	if (state & BUSY)
		return;
	fill(seq);
	state = seq | BUSY;
	if (!__atomic_compare_exchange_n(place, &state, seq, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		__atomic_store_n(place, seq | LAPPED, __ATOMIC_SEQ_CST);
}

static void *write_flood(void *arg)
{
	int i;

	for (i = 0; i < FLOOD; i++) {
		write_one();
		if (!(i % 64))
			sched_yield();
	}
	__atomic_sub_fetch(&writers, 1, __ATOMIC_RELEASE);
	return arg;
}

static void nothing_is_torn_doubled_or_forgotten(void **state)
{
	struct mlock2mon *reader = mapped();
	struct mlock2mon_record rec;
	uint64_t expected = 1, given = 0;
	pthread_t thread[2];
	bool over = false;
	int i, ret;

	(void)state;
	writers = 2;
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, write_flood, NULL), 0);
	for (;;) {
		ret = mlock2mon_next(reader, &rec);
		assert_true(ret >= 0);
		if (!ret && over)
			break;
		if (!ret) {
			over = !__atomic_load_n(&writers, __ATOMIC_ACQUIRE);
			continue;
		}
		assert_int_equal(rec.seq, expected);
		assert_true(rec.call == MLOCK2MON_LOST || is_whole(&rec));
		expected += rec.call == MLOCK2MON_LOST ? rec.len : 1;
		given += rec.call != MLOCK2MON_LOST;
	}
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	print_message("# %llu of %d records given, the rest told as lost\n",
		      (unsigned long long)given, 2 * FLOOD);
	assert_int_equal(given + mlock2mon_loss(reader), 2 * FLOOD);
	assert_true(given > 0);
	mlock2mon_close(reader);
}

/* ---- read() ---- */

/* A reader of what is written into @to. */
static struct mlock2mon *piped(size_t record_size, int *to)
{
	struct mlock2mon *reader = calloc(1, sizeof(*reader));
	int fds[2];

	assert_non_null(reader);
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	assert_true(fcntl(fds[1], F_SETPIPE_SZ, 1 << 20) > 0);
	reader->fd = fds[0];
	*to = fds[1];
	reader->record_size = record_size;
	reader->position = 1;
	reader->buffer.bytes = malloc(BUFFER_SIZE);
	assert_non_null(reader->buffer.bytes);
	return reader;
}

/* As the device gives it: a record, or a loss. */
static void give(int to, size_t record_size, uint64_t seq, uint64_t lost)
{
	char bytes[256] = { 0 };
	struct mlock2mon_record rec;

	memset(&rec, 0, sizeof(rec));
	rec.seq = seq;
	rec.call = lost ? MLOCK2MON_LOST : MLOCK2MON_MLOCK;
	rec.len = lost;
	memcpy(bytes, &rec, sizeof(rec));
	assert_int_equal(write(to, bytes, record_size), record_size);
}

static void expect_seq(struct mlock2mon *reader, uint64_t seq)
{
	struct mlock2mon_record rec;

	assert_int_equal(mlock2mon_next(reader, &rec), 1);
	assert_int_equal(rec.seq, seq);
	assert_int_equal(rec.call, MLOCK2MON_MLOCK);
}

static void read_of_size(size_t record_size)
{
	struct mlock2mon *reader;
	uint64_t seq;
	int to;

	reader = piped(record_size, &to);
	expect_nothing(reader);
	assert_int_equal(mlock2mon_wait(reader, 0), 0);
	for (seq = 1; seq <= 1000; seq++)
		give(to, record_size, seq, 0);
	assert_int_equal(mlock2mon_wait(reader, 0), 1);
	for (seq = 1; seq <= 1000; seq++) {
		expect_seq(reader, seq);
		assert_int_equal(mlock2mon_wait(reader, 0), seq < 1000);
	}
	expect_nothing(reader);
	give(to, record_size, 1001, 37);
	give(to, record_size, 1040, 0);
	expect_loss(reader, 1001, 37, 0);
	expect_seq(reader, 1040);
	assert_int_equal(reader->skipped, 2);
	assert_int_equal(reader->position, 1041);
	close(to);
	mlock2mon_close(reader);
}

static void records_are_read_many_at_once(void **state)
{
	(void)state;
	read_of_size(192);
	read_of_size(256);
}

static void half_a_record_is_an_error(void **state)
{
	struct mlock2mon_record rec;
	struct mlock2mon *reader;
	int to;

	(void)state;
	reader = piped(192, &to);
	assert_int_equal(write(to, "12345678", 8), 8);
	assert_int_equal(mlock2mon_next(reader, &rec), -1);
	assert_int_equal(errno, EPROTO);
	close(to);
	assert_int_equal(mlock2mon_next(reader, &rec), -1);
	assert_int_equal(errno, EPROTO);
	mlock2mon_close(reader);
}

/* ---- the rest ---- */

static void expect_no_open(const char *path, unsigned int flags, int error)
{
	errno = 0;
	assert_null(mlock2mon_open(path, flags));
	assert_int_equal(errno, error);
}

static void what_is_no_device_is_refused(void **state)
{
	(void)state;
	expect_no_open("/dev/null", 0, ENOTTY);
	expect_no_open("/dev/null", MLOCK2MON_OPEN_MAP, ENOTTY);
	expect_no_open("/nonexistent", 0, ENOENT);
	expect_no_open("/dev/null", 2, EINVAL);
	mlock2mon_close(NULL);
}

static void strange_arguments_are_refused(void **state)
{
	static const struct mlock2mon_filter bad = { .fields = 1 << 30 };
	struct mlock2mon *reader = mapped();

	(void)state;
	assert_int_equal(mlock2mon_set_filter(reader, &bad), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(mlock2mon_seek(reader, MLOCK2MON_SEEK_NUMBER, 0), -1);
	assert_int_equal(mlock2mon_seek(reader, MLOCK2MON_SEEK_NEWEST, 1), -1);
	assert_int_equal(mlock2mon_seek(reader, 4, 1), -1);
	assert_int_equal(mlock2mon_seek(reader, MLOCK2MON_SEEK_NUMBER, 1ULL << 63), -1);
	assert_int_equal(errno, EINVAL);
	mlock2mon_close(reader);
}

static void names_lead_back_to_numbers(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < MLOCK2MON_NR_CALLS; i++)
		assert_int_equal(mlock2mon_call_number(mlock2mon_call_name(i)), i);
	for (i = 0; i < MLOCK2MON_NR_WHYS; i++)
		assert_int_equal(mlock2mon_why_number(mlock2mon_why_name(i)), i);
	assert_int_equal(mlock2mon_call_number("?"), -1);
	assert_int_equal(mlock2mon_call_number(""), -1);
	assert_int_equal(mlock2mon_why_number("mlock"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_in_order_and_the_ring_wraps),
		cmocka_unit_test(larger_records_are_walked_over),
		cmocka_unit_test(what_was_overwritten_is_lost),
		cmocka_unit_test(a_busy_record_is_waited_for),
		cmocka_unit_test(a_record_that_was_given_up_is_lost),
		cmocka_unit_test(a_marked_record_is_there),
		cmocka_unit_test(a_newer_record_in_its_place_is_a_loss),
		cmocka_unit_test(what_changes_during_the_copy_is_lost),
		cmocka_unit_test(a_filter_skips_and_counts),
		cmocka_unit_test(a_filter_does_not_hold_a_reader),
		cmocka_unit_test(near_is_marked),
		cmocka_unit_test(a_strange_header_is_refused),
		cmocka_unit_test(nothing_is_torn_doubled_or_forgotten),
		cmocka_unit_test(records_are_read_many_at_once),
		cmocka_unit_test(half_a_record_is_an_error),
		cmocka_unit_test(what_is_no_device_is_refused),
		cmocka_unit_test(strange_arguments_are_refused),
		cmocka_unit_test(names_lead_back_to_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
