// SPDX-License-Identifier: GPL-2.0
/* build: cmocka */
/* filter.h: which filters are valid, and what each member lets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../filter.h"

static const struct mlock2mon_record plain = {
	.seq = 1,
	.len = 65536,
	.dur_ns = 1000,
	.locked = 48 << 10,
	.delta = 4096,
	.limit = 64 << 10,
	.cgroup = 4711,
	.pid = 731,
	.tid = 732,
	.uid = 1000,
	.call = MLOCK2MON_MLOCK,
};

static bool passes(struct mlock2mon_filter filter)
{
	struct mlock2mon_record rec = plain;

	assert_true(mlmon_filter_valid(&filter));
	return mlmon_filter_pass(&filter, &rec);
}

static bool near(const struct mlock2mon_record *rec, uint64_t bytes)
{
	struct mlock2mon_filter filter = {
		.fields = MLOCK2MON_FILTER_NEAR, .near_bytes = bytes,
	};
	struct mlock2mon_record copy = *rec;

	if (!mlmon_filter_pass(&filter, &copy)) {
		assert_memory_equal(&copy, rec, sizeof(copy));
		return false;
	}
	assert_int_equal(copy.why, MLOCK2MON_WHY_NEAR_LIMIT);
	assert_int_equal(copy.detail, rec->limit > rec->locked ? rec->limit - rec->locked : 0);
	return true;
}

static void no_member_lets_everything_through(void **state)
{
	(void)state;
	assert_true(passes((struct mlock2mon_filter){ 0 }));
}

static void each_member_is_compared(void **state)
{
	(void)state;
#define PASSES(field, member, value) \
	passes((struct mlock2mon_filter){ .fields = MLOCK2MON_FILTER_##field, .member = (value) })
	assert_true(PASSES(CALLS, calls, 1 << MLOCK2MON_MLOCK | 1 << MLOCK2MON_EXIT));
	assert_false(PASSES(CALLS, calls, (1 << MLOCK2MON_NR_CALLS) - 1 - (1 << MLOCK2MON_MLOCK)));
	assert_true(PASSES(TGID, tgid, 731));
	assert_false(PASSES(TGID, tgid, 732));
	assert_true(PASSES(UID, uid, 1000));
	assert_false(PASSES(UID, uid, 0));
	assert_true(PASSES(CGROUP, cgroup, 4711));
	assert_false(PASSES(CGROUP, cgroup, 0));
	assert_true(PASSES(MIN_BYTES, min_bytes, 65536));
	assert_false(PASSES(MIN_BYTES, min_bytes, 65537));
	assert_true(PASSES(MIN_DUR, min_dur_ns, 1000));
	assert_false(PASSES(MIN_DUR, min_dur_ns, 1001));
	assert_true(PASSES(NEAR, near_bytes, (16 << 10) + 1));
	assert_false(PASSES(NEAR, near_bytes, 16 << 10));
#undef PASSES
}

static void failures_are_negative_results(void **state)
{
	static const struct {
		int64_t	ret;
		bool	pass;
	} want[] = { { -1, true }, { -12, true }, { 0, false }, { 0x7f0000000000, false } };
	struct mlock2mon_filter filter = { .fields = MLOCK2MON_FILTER_FAILURES };
	struct mlock2mon_record rec = plain;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		rec.ret = want[i].ret;
		assert_int_equal(mlmon_filter_pass(&filter, &rec), want[i].pass);
	}
}

static void a_record_must_pass_all_members(void **state)
{
	struct mlock2mon_filter filter = {
		.fields = MLOCK2MON_FILTER_TGID | MLOCK2MON_FILTER_UID, .tgid = 731, .uid = 1000,
	};

	(void)state;
	assert_true(passes(filter));
	filter.uid = 1;
	assert_false(passes(filter));
	filter.uid = 1000;
	filter.tgid = 1;
	assert_false(passes(filter));
}

static void near_is_for_plain_successes_that_lock_without_privilege(void **state)
{
	struct mlock2mon_record rec = plain;
	unsigned int call;

	(void)state;
	for (call = 0; call < MLOCK2MON_NR_CALLS; call++) {
		rec.call = call;
		assert_int_equal(near(&rec, 1 << 20),
				 (1 << call) & (1 << MLOCK2MON_MLOCK2 | 1 << MLOCK2MON_MLOCK |
				 1 << MLOCK2MON_MLOCKALL | 1 << MLOCK2MON_MMAP |
				 1 << MLOCK2MON_MREMAP | 1 << MLOCK2MON_BRK |
				 1 << MLOCK2MON_SHMAT) ? true : false);
	}
	rec = plain;
	rec.attr = MLOCK2MON_ATTR_CAP;
	assert_false(near(&rec, 1 << 20));
	rec = plain;
	rec.limit = ~0ULL;
	assert_false(near(&rec, ~0ULL));
	rec = plain;
	rec.ret = -12;
	assert_false(near(&rec, 1 << 20));
	rec = plain;
	rec.delta = -4096;
	assert_false(near(&rec, 1 << 20));
	rec = plain;
	rec.why = MLOCK2MON_WHY_ALREADY;
	assert_false(near(&rec, 1 << 20));
	rec.why = MLOCK2MON_WHY_NEAR_LIMIT;
	assert_true(near(&rec, 1 << 20));
	rec = plain;
	rec.locked = rec.limit + 4096;
	assert_true(near(&rec, 1));
}

static void what_does_not_count_must_be_zero(void **state)
{
	struct mlock2mon_filter filter = { 0 };
	unsigned char *byte = (unsigned char *)&filter;
	size_t i;

	(void)state;
	assert_true(mlmon_filter_valid(&filter));
	for (i = offsetof(struct mlock2mon_filter, calls); i < sizeof(filter); i++) {
		byte[i] = 1;
		assert_false(mlmon_filter_valid(&filter));
		byte[i] = 0;
	}
	for (i = 0; i < 32; i++) {
		filter.fields = 1U << i;
		if (filter.fields & ~MLOCK2MON_FILTER_ALL)
			assert_false(mlmon_filter_valid(&filter));
	}
}

static void a_set_of_calls_is_neither_empty_nor_unknown(void **state)
{
	struct mlock2mon_filter filter = { .fields = MLOCK2MON_FILTER_CALLS };
	unsigned int call;

	(void)state;
	assert_false(mlmon_filter_valid(&filter));
	for (call = 0; call < 32; call++) {
		filter.calls = 1U << call;
		assert_int_equal(mlmon_filter_valid(&filter), call < MLOCK2MON_NR_CALLS);
	}
	filter = (struct mlock2mon_filter){ .fields = MLOCK2MON_FILTER_NEAR };
	assert_false(mlmon_filter_valid(&filter));
	filter.near_bytes = 1;
	assert_true(mlmon_filter_valid(&filter));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_member_lets_everything_through),
		cmocka_unit_test(each_member_is_compared),
		cmocka_unit_test(failures_are_negative_results),
		cmocka_unit_test(a_record_must_pass_all_members),
		cmocka_unit_test(near_is_for_plain_successes_that_lock_without_privilege),
		cmocka_unit_test(what_does_not_count_must_be_zero),
		cmocka_unit_test(a_set_of_calls_is_neither_empty_nor_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
