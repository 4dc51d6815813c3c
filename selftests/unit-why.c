// SPDX-License-Identifier: GPL-2.0
/*
 * The reason classifier, fact by fact. Each row states a call as the kernel
 * would leave it and the verdict that follows.
 */
/* build: cmocka */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "why.h"

#define PAGE		4096ULL
#define UNLIMITED	(~0ULL)
#define KIB		1024ULL

struct row {
	const char		*says;
	struct mlmon_facts	facts;
	struct mlmon_verdict	verdict;
};

#define CALL(c, a, l, r) \
	.call = MLOCK2MON_##c, .addr = (a), .len = (l), .ret = (r), .page_shift = 12
#define WHY(w, l, d) { .why = MLOCK2MON_WHY_##w, .likely = (l), .detail = (d) }

static const struct row rows[] = {
	/* ---- flags before anything else */
	{ "mlock2 with an unknown flag",
	  { CALL(MLOCK2, 0x10000, PAGE, -EINVAL), .flags = 2 }, WHY(FLAGS, 0, 0) },
	{ "mlock2 with a known and an unknown flag",
	  { CALL(MLOCK2, 0x10000, PAGE, -EINVAL), .flags = 3 }, WHY(FLAGS, 0, 0) },
	{ "mlock2 with all bits",
	  { CALL(MLOCK2, 0x10000, PAGE, -EINVAL), .flags = ~0U }, WHY(FLAGS, 0, 0) },
	{ "mlockall without flags",
	  { CALL(MLOCKALL, 0, 0, -EINVAL), .flags = 0 }, WHY(FLAGS, 0, 0) },
	{ "mlockall with MCL_ONFAULT alone",
	  { CALL(MLOCKALL, 0, 0, -EINVAL), .flags = 4 }, WHY(FLAGS, 0, 0) },
	{ "mlockall with an unknown flag",
	  { CALL(MLOCKALL, 0, 0, -EINVAL), .flags = 9 }, WHY(FLAGS, 0, 0) },

	/* ---- a range that wraps */
	{ "mlock of a range that wraps",
	  { CALL(MLOCK, -PAGE, 2 * PAGE, -EINVAL), .cap = true }, WHY(RANGE, 0, 0) },
	{ "mlock2 ONFAULT of a range that wraps",
	  { CALL(MLOCK2, -PAGE, 2 * PAGE, -EINVAL), .flags = 1 }, WHY(RANGE, 0, 0) },
	{ "munlock of a range that wraps",
	  { CALL(MUNLOCK, -PAGE, 2 * PAGE, -EINVAL) }, WHY(RANGE, 0, 0) },

	/* ---- limit 0 */
	{ "limit 0, no capability",
	  { CALL(MLOCK, 0x10000, PAGE, -EPERM), .limit = 0 }, WHY(PERM, 0, 0) },
	{ "mlockall, limit 0, no capability",
	  { CALL(MLOCKALL, 0, 0, -EPERM), .flags = 1 }, WHY(PERM, 0, 0) },
	{ "EPERM with a limit: something else denies the capability",
	  { CALL(MLOCK, 0x10000, PAGE, -EPERM), .limit = 64 * KIB }, WHY(PERM, 1, 0) },

	/* ---- the limit */
	{ "one page over, nothing locked before",
	  { CALL(MLOCK, 0x10000, 17 * PAGE, -ENOMEM), .limit = 16 * PAGE }, WHY(LIMIT, 0, PAGE) },
	{ "over by rounding: the range touches a page more than its length",
	  { CALL(MLOCK, 0x10001, 16 * PAGE, -ENOMEM), .limit = 16 * PAGE }, WHY(LIMIT, 0, PAGE) },
	{ "limit not a multiple of the page size is rounded down",
	  { CALL(MLOCK, 0x10000, 2 * PAGE, -ENOMEM), .limit = 2 * PAGE - 1 }, WHY(LIMIT, 0, PAGE) },
	{ "much locked already: more than the limit, whatever overlaps",
	  { CALL(MLOCK, 0x10000, PAGE, -ENOMEM), .before = 32, .after = 32, .limit = 16 * PAGE },
	  WHY(LIMIT, 0, 17 * PAGE) },
	{ "over only together with what is locked: some of it might overlap",
	  { CALL(MLOCK, 0x10000, 8 * PAGE, -ENOMEM), .before = 12, .after = 12,
	    .limit = 16 * PAGE }, WHY(LIMIT, 1, 4 * PAGE) },
	{ "the same, but the call got as far as bringing pages in",
	  { CALL(MLOCK, 0x10000, 8 * PAGE, -ENOMEM), .before = 12, .after = 12,
	    .limit = 16 * PAGE, .populated = MLMON_POPULATE_YES }, WHY(POPULATE, 0, 0) },
	{ "the same, but something was locked: forgiven, then a hole",
	  { CALL(MLOCK, 0x10000, 8 * PAGE, -ENOMEM), .before = 12, .after = 13,
	    .limit = 16 * PAGE, .populated = MLMON_POPULATE_NO }, WHY(HOLE, 0, 0) },
	{ "over the limit, but CAP_IPC_LOCK",
	  { CALL(MLOCK, 0x10000, 17 * PAGE, -ENOMEM), .limit = 16 * PAGE, .cap = true,
	    .populated = MLMON_POPULATE_NO }, WHY(HOLE, 0, 0) },
	{ "a length whose rounding wraps is no page, so within the limit",
	  { CALL(MLOCK, 0x10000, ~0ULL, 0), .limit = PAGE }, WHY(EMPTY, 0, 0) },
	{ "a huge length that does not wrap",
	  { CALL(MLOCK, 0, 1ULL << 62, -ENOMEM), .limit = PAGE },
	  WHY(LIMIT, 0, (1ULL << 62) - PAGE) },
	{ "a length so huge that what is over the limit cannot be told in bytes",
	  { CALL(MLOCK, 0, -PAGE, -ENOMEM), .before = 32, .after = 32, .limit = 16 * PAGE },
	  WHY(LIMIT, 0, -PAGE) },
	{ "others make the amount locked uncertain",
	  { CALL(MLOCK, 0x10000, PAGE, -ENOMEM), .before = 32, .after = 32, .limit = 16 * PAGE,
	    .shared = true }, WHY(LIMIT, 1, 17 * PAGE) },
	{ "mlockall, the whole mm over the limit",
	  { CALL(MLOCKALL, 0, 0, -ENOMEM), .flags = 1, .total_vm = 500, .limit = 16 * PAGE },
	  WHY(LIMIT, 0, 484 * PAGE) },
	{ "mlockall ENOMEM although the mm fits: it shrank meanwhile",
	  { CALL(MLOCKALL, 0, 0, -ENOMEM), .flags = 1, .total_vm = 10, .limit = 16 * PAGE },
	  WHY(LIMIT, 1, 0) },

	/* ---- the map */
	{ "hole, and the call did not reach populate",
	  { CALL(MLOCK, 0x10000, 4 * PAGE, -ENOMEM), .limit = UNLIMITED,
	    .populated = MLMON_POPULATE_NO }, WHY(HOLE, 0, 0) },
	{ "hole in the middle: partly applied",
	  { CALL(MLOCK, 0x10000, 4 * PAGE, -ENOMEM), .limit = UNLIMITED, .after = 2,
	    .populated = MLMON_POPULATE_NO }, WHY(HOLE, 0, 0) },
	{ "hole, by exclusion",
	  { CALL(MLOCK, 0x10000, 4 * PAGE, -ENOMEM), .limit = UNLIMITED }, WHY(HOLE, 1, 0) },
	{ "munlock of a hole",
	  { CALL(MUNLOCK, 0x10000, 4 * PAGE, -ENOMEM), .limit = PAGE }, WHY(HOLE, 0, 0) },
	{ "map count used up",
	  { CALL(MLOCK, 0x10000, 4 * PAGE, -ENOMEM), .limit = UNLIMITED, .map_count = 1000,
	    .max_map_count = 1000, .populated = MLMON_POPULATE_NO }, WHY(MAPS, 1, 1000) },
	{ "one mapping left is not used up",
	  { CALL(MLOCK, 0x10000, 4 * PAGE, -ENOMEM), .limit = UNLIMITED, .map_count = 999,
	    .max_map_count = 1000, .populated = MLMON_POPULATE_NO }, WHY(HOLE, 0, 0) },
	{ "map count limit unknown",
	  { CALL(MLOCK, 0x10000, 4 * PAGE, -ENOMEM), .limit = UNLIMITED, .map_count = 1000,
	    .populated = MLMON_POPULATE_NO }, WHY(HOLE, 0, 0) },
	{ "munlock with the map count used up",
	  { CALL(MUNLOCK, 0x10000, PAGE, -ENOMEM), .map_count = 1001, .max_map_count = 1000 },
	  WHY(MAPS, 1, 1000) },

	/* ---- the range was looked at after the call */
#define LOOKED(o) .looked = true, .measured = true, .overlap = (o)
	{ "over the limit in spite of the overlap: short by what is really missing",
	  { CALL(MLOCK, 0x10000, 7 * PAGE, -ENOMEM), .before = 4, .after = 4,
	    .limit = 8 * PAGE, LOOKED(2) }, WHY(LIMIT, 0, PAGE) },
	{ "the same while others use the mm",
	  { CALL(MLOCK, 0x10000, 7 * PAGE, -ENOMEM), .before = 4, .after = 4,
	    .limit = 8 * PAGE, .shared = true, LOOKED(2) }, WHY(LIMIT, 1, PAGE) },
	{ "more than the limit was locked, all of the range among it",
	  { CALL(MLOCK, 0x10000, PAGE, -ENOMEM), .before = 8, .after = 8,
	    .limit = 2 * PAGE, LOOKED(1) }, WHY(LIMIT, 0, 6 * PAGE) },
	{ "forgiven for the overlap, then a hole",
	  { CALL(MLOCK, 0x10000, 8 * PAGE, -ENOMEM), .before = 4, .after = 4,
	    .limit = 8 * PAGE, .hole = true, LOOKED(4) }, WHY(HOLE, 0, 0) },
	{ "forgiven, no hole, all mapped: a page could not be brought in",
	  { CALL(MLOCK, 0x10000, 8 * PAGE, -ENOMEM), .before = 8, .after = 8,
	    .limit = 8 * PAGE, LOOKED(8) }, WHY(POPULATE, 0, 0) },
	{ "a hole while others use the mm",
	  { CALL(MLOCK, 0x10000, 8 * PAGE, -ENOMEM), .limit = UNLIMITED, .shared = true,
	    .hole = true, LOOKED(0) }, WHY(HOLE, 1, 0) },
	{ "no hole, but who else used the mm kept the look from seeing what is locked",
	  { CALL(MLOCK, 0x10000, 8 * PAGE, -ENOMEM), .before = 8, .after = 8,
	    .limit = UNLIMITED, .shared = true, .looked = true }, WHY(POPULATE, 1, 0) },
	{ "munlock met a hole that others have filled since",
	  { CALL(MUNLOCK, 0x10000, 8 * PAGE, -ENOMEM), .shared = true, LOOKED(0) },
	  WHY(HOLE, 1, 0) },
	{ "over the limit, while others locked just as much as was asked for",
	  { CALL(MLOCK, 0x10000, PAGE, -ENOMEM), .before = 0, .after = 1, .limit = PAGE,
	    .shared = true }, WHY(POPULATE, 1, 0) },
	{ "over the limit for sure, while others locked something",
	  { CALL(MLOCK, 0x10000, 2 * PAGE, -ENOMEM), .before = 0, .after = 1, .limit = PAGE,
	    .shared = true }, WHY(LIMIT, 1, PAGE) },
	{ "munlock of one page while others locked one",
	  { CALL(MUNLOCK, 0x10000, PAGE, 0), .before = 1, .after = 1, .shared = true },
	  WHY(ALREADY, 1, 0) },
	{ "the mark of current is certain even so",
	  { CALL(MLOCK, 0x10000, PAGE, -ENOMEM), .limit = UNLIMITED, .shared = true,
	    .populated = MLMON_POPULATE_YES }, WHY(POPULATE, 0, 0) },
	{ "a security module denies the capability",
	  { CALL(MLOCK, 0x10000, 3 * PAGE, -ENOMEM), .limit = 2 * PAGE, .cap = true,
	    .populated = MLMON_POPULATE_NO, LOOKED(0) }, WHY(LIMIT, 1, PAGE) },
	{ "map count used up, no hole",
	  { CALL(MLOCK, 0x10000, 8 * PAGE, -ENOMEM), .limit = UNLIMITED, .map_count = 10,
	    .max_map_count = 10, LOOKED(0) }, WHY(MAPS, 0, 10) },
	{ "map count used up, and a hole",
	  { CALL(MUNLOCK, 0x10000, 8 * PAGE, -ENOMEM), .map_count = 10, .max_map_count = 10,
	    .hole = true, LOOKED(0) }, WHY(MAPS, 1, 10) },
	{ "nothing in the map explains it",
	  { CALL(MUNLOCK, 0x10000, PAGE, -ENOMEM), .map_count = 9, .max_map_count = 10,
	    LOOKED(0) }, WHY(OTHER, 0, 0) },
	{ "nothing in the map explains it, and populate was not reached",
	  { CALL(MLOCK, 0x10000, PAGE, -ENOMEM), .limit = UNLIMITED,
	    .populated = MLMON_POPULATE_NO, LOOKED(0) }, WHY(OTHER, 0, 0) },
	{ "nothing changed, all of the range is locked",
	  { CALL(MLOCK, 0x200000, 512 * PAGE, 0), .before = 600, .after = 600, LOOKED(512) },
	  WHY(ALREADY, 0, 0) },
	{ "nothing changed, much is locked, but not this range",
	  { CALL(MLOCK, 0x200000, 512 * PAGE, 0), .before = 600, .after = 600, LOOKED(0) },
	  WHY(UNLOCKABLE, 0, 0) },

	/* ---- bringing pages in */
	{ "all of it locked, and still ENOMEM",
	  { CALL(MLOCK, 0x10000, 4 * PAGE, -ENOMEM), .limit = UNLIMITED, .after = 4 },
	  WHY(POPULATE, 0, 0) },
	{ "all of it locked with the map count used up",
	  { CALL(MLOCK, 0x10000, 4 * PAGE, -ENOMEM), .limit = UNLIMITED, .after = 4,
	    .map_count = 1000, .max_map_count = 1000 }, WHY(POPULATE, 0, 0) },
	{ "locked before, populate reached",
	  { CALL(MLOCK2, 0x10000, 4 * PAGE, -ENOMEM), .limit = UNLIMITED, .before = 4, .after = 4,
	    .populated = MLMON_POPULATE_YES }, WHY(POPULATE, 0, 0) },
	{ "a poisoned page: the error passes through",
	  { CALL(MLOCK, 0x10000, PAGE, -133), .limit = UNLIMITED, .after = 1,
	    .populated = MLMON_POPULATE_YES }, WHY(POPULATE, 0, 0) },
	{ "an error this version does not know",
	  { CALL(MLOCK, 0x10000, PAGE, -38), .limit = UNLIMITED }, WHY(OTHER, 0, 0) },
	{ "no memory",
	  { CALL(MLOCK, 0x10000, PAGE, -EAGAIN), .limit = UNLIMITED, .after = 1 },
	  WHY(NOMEM, 0, 0) },
	{ "killed while waiting",
	  { CALL(MLOCK, 0x10000, PAGE, -EINTR), .limit = UNLIMITED }, WHY(KILLED, 0, 0) },
	{ "munlock killed while waiting",
	  { CALL(MUNLOCK, 0x10000, PAGE, -EINTR), .limit = UNLIMITED }, WHY(KILLED, 0, 0) },

	/* ---- success */
	{ "plain success",
	  { CALL(MLOCK, 0x10000, PAGE, 0), .after = 1 }, WHY(NONE, 0, 0) },
	{ "plain success of munlock",
	  { CALL(MUNLOCK, 0x10000, PAGE, 0), .before = 1 }, WHY(NONE, 0, 0) },
	{ "length 0",
	  { CALL(MLOCK, 0x10000, 0, 0), .before = 5, .after = 5 }, WHY(EMPTY, 0, 0) },
	{ "length 0 inside a page is that page",
	  { CALL(MLOCK, 0x10001, 0, 0), .after = 1 }, WHY(NONE, 0, 0) },
	{ "munlock of length 0",
	  { CALL(MUNLOCK, 0x10000, 0, 0) }, WHY(EMPTY, 0, 0) },
	{ "less locked than asked for: such memory is never locked",
	  { CALL(MLOCK, 0x200000, 512 * PAGE, 0), .before = 3, .after = 3 },
	  WHY(UNLOCKABLE, 0, 0) },
	{ "enough was locked: probably this range",
	  { CALL(MLOCK, 0x10000, PAGE, 0), .before = 1, .after = 1 }, WHY(ALREADY, 1, 0) },
	{ "munlock of what is not locked",
	  { CALL(MUNLOCK, 0x10000, PAGE, 0), .before = 1, .after = 1 }, WHY(ALREADY, 0, 0) },
	{ "mlockall for the future",
	  { CALL(MLOCKALL, 0, 0, 0), .flags = 2, .future_changed = true }, WHY(NONE, 0, 0) },
	{ "mlockall for the future again",
	  { CALL(MLOCKALL, 0, 0, 0), .flags = 2 }, WHY(ALREADY, 0, 0) },
	{ "mlockall of what is locked: the kind of lock may have changed",
	  { CALL(MLOCKALL, 0, 0, 0), .flags = 5, .before = 9, .after = 9 }, WHY(ALREADY, 1, 0) },
	{ "munlockall with nothing locked",
	  { CALL(MUNLOCKALL, 0, 0, 0) }, WHY(ALREADY, 0, 0) },
	{ "munlockall that ends the future",
	  { CALL(MUNLOCKALL, 0, 0, 0), .future_changed = true }, WHY(NONE, 0, 0) },
};

static void test_verdicts(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct mlmon_verdict v = mlmon_why(&rows[i].facts);

		if (v.why != rows[i].verdict.why || v.likely != rows[i].verdict.likely ||
		    v.detail != rows[i].verdict.detail)
			fail_msg("%s: why %u likely %u detail %llu, expected %u %u %llu",
				 rows[i].says, v.why, v.likely, (unsigned long long)v.detail,
				 rows[i].verdict.why, rows[i].verdict.likely,
				 (unsigned long long)rows[i].verdict.detail);
	}
}

static void test_rounding(void **state)
{
	struct mlmon_facts facts = { .addr = 0x10fff, .len = 2, .page_shift = 12 };

	(void)state;
	assert_int_equal(mlmon_page_addr(&facts), 0x10000);
	assert_int_equal(mlmon_page_len(&facts), 2 * PAGE);
	facts.page_shift = 16;
	assert_int_equal(mlmon_page_len(&facts), 0x10000);
	facts.len = ~0ULL;
	assert_int_equal(mlmon_page_len(&facts), 0x10000);
	facts.addr = 0x10000;
	assert_int_equal(mlmon_page_len(&facts), 0);
}

/* Every reason that a call of this family can have is reached by a row. */
static void test_coverage(void **state)
{
	unsigned int seen = 0;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		seen |= 1U << rows[i].verdict.why;
	assert_int_equal(seen | 1U << MLOCK2MON_WHY_NEAR_LIMIT | 1U << MLOCK2MON_WHY_BLOCKED,
			 (1U << MLOCK2MON_NR_WHYS) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_rounding),
		cmocka_unit_test(test_coverage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
