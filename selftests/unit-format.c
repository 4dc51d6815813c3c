// SPDX-License-Identifier: GPL-2.0
/* build: cmocka */
/* The lines of records, as module and library write them: what they say, and that they fit. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "../format.c"

#define ROUNDS	20000

static uint64_t seed;

static uint64_t random_u64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static const struct mlock2mon_record plain = {
	.seq = 42,
	.ts_ns = 1234567890123ULL,
	.dur_ns = 1830,
	.addr = 0x7f31c4a00000,
	.len = 65536,
	.locked = 8192 << 10,
	.limit = 8192 << 10,
	.cgroup = 4711,
	.pid = 731,
	.tid = 731,
	.uid = 1000,
	.ns_pid = 731,
	.ns_tid = 731,
	.cpu = 1,
	.comm = "gpg-agent",
};

#define HEAD	"seq=42 ts=1234.567890123 cpu=1 call="
#define TASK	" pid=731 tid=731 uid=1000 comm=\"gpg-agent\""
#define MEMORY	" dur_ns=1830 locked_kb=8192 delta_kb=0 limit_kb=8192 cap=0 cgroup=4711"

/* A line in memory of exactly the size that must hold it, so that ASan sees a step too far. */
static char *line_of(const struct mlock2mon_record *rec)
{
	char *line = malloc(MLMON_LINE_MAX);
	size_t len;

	assert_non_null(line);
	len = mlmon_format_record(line, MLMON_LINE_MAX, rec);
	assert_int_equal(len, strlen(line));
	assert_true(len < MLMON_LINE_MAX - 1);
	assert_ptr_equal(strchr(line, '\n'), line + len - 1);
	return line;
}

static void expect(const struct mlock2mon_record *rec, const char *want)
{
	char *line = line_of(rec);

	assert_string_equal(line, want);
	free(line);
}

static void expect_part(const struct mlock2mon_record *rec, const char *want)
{
	char *line = line_of(rec);

	if (!strstr(line, want))
		fail_msg("no '%s' in: %s", want, line);
	free(line);
}

static void expect_none(const struct mlock2mon_record *rec, const char *unwanted)
{
	char *line = line_of(rec);

	if (strstr(line, unwanted))
		fail_msg("'%s' in: %s", unwanted, line);
	free(line);
}

static void expect_flags(unsigned int call, uint32_t flags, const char *want)
{
	char buf[MLMON_FLAGS_TEXT];

	assert_int_equal(mlmon_format_flags(buf, sizeof(buf), call, flags), strlen(want));
	assert_string_equal(buf, want);
}

static void a_failure_has_its_numbers(void **state)
{
	struct mlock2mon_record rec = plain;

	(void)state;
	rec.call = MLOCK2MON_MLOCK2;
	rec.flags = 1;
	rec.ret = -ENOMEM;
	rec.why = MLOCK2MON_WHY_LIMIT;
	rec.detail = 65536;
	rec.attr = MLOCK2MON_ATTR_LIKELY | MLOCK2MON_ATTR_ONFAULT;
	expect(&rec, HEAD "mlock2" TASK " addr=0x7f31c4a00000 len=65536 flags=ONFAULT ret=-12 "
	       "errno=ENOMEM" MEMORY " why=limit short_kb=64 likely=1 onfault=1\n");
	rec.why = MLOCK2MON_WHY_MAPS;
	rec.detail = 65530;
	expect_part(&rec, " why=maps max_maps=65530 likely=1");
	rec.why = MLOCK2MON_WHY_NEAR_LIMIT;
	rec.detail = 5 << 10;
	expect_part(&rec, " why=near_limit headroom_kb=5 likely=1");
	rec.why = MLOCK2MON_WHY_BLOCKED;
	expect_part(&rec, " errno=? ");
}

static void a_range_is_rounded_for_calls_that_round_it(void **state)
{
	struct mlock2mon_record rec = plain;
	unsigned int call;

	(void)state;
	rec.addr += 1;
	for (call = 0; call < MLOCK2MON_NR_CALLS; call++) {
		rec.call = call;
		if (call <= MLOCK2MON_MUNLOCK)
			expect_part(&rec, " page_addr=0x7f31c4a00000 page_len=69632\n");
		else
			expect_none(&rec, "page_");
	}
}

static void an_address_is_not_taken_for_a_number_or_an_error(void **state)
{
	struct mlock2mon_record rec = plain;

	(void)state;
	rec.call = MLOCK2MON_MMAP;
	rec.ret = 0x7ffffffffff4LL;
	expect_part(&rec, " ret=0x7ffffffffff4 errno=0 ");
	rec.ret = 0x7ffffffffffffff4LL;
	expect_part(&rec, " ret=0x7ffffffffffffff4 errno=0 ");
	rec.ret = -EAGAIN;
	expect_part(&rec, " ret=-11 errno=EAGAIN ");
	rec.ret = 0;
	expect_part(&rec, " ret=0 errno=0 ");
	rec.ret = INT64_MIN;
	expect_part(&rec, " ret=-9223372036854775808 errno=9223372036854775808 ");
	rec.ret = -(1LL << 32) - ENOMEM;
	expect_part(&rec, " ret=-4294967308 errno=4294967308 ");
	rec.call = MLOCK2MON_MLOCK;
	rec.ret = 16;
	expect_part(&rec, " ret=16 errno=0 ");
	rec.ret = -EHWPOISON;
	expect_part(&rec, " errno=133 ");
}

static void errors_have_their_names(void **state)
{
	static const struct {
		int		error;
		const char	*name;
	} want[] = {
		{ 1, "EPERM" }, { 12, "ENOMEM" }, { 11, "EAGAIN" }, { 4, "EINTR" },
		{ 22, "EINVAL" }, { 13, "EACCES" }, { 14, "EFAULT" }, { 9, "EBADF" },
		{ 19, "ENODEV" }, { 17, "EEXIST" }, { 43, "EIDRM" }, { 75, "EOVERFLOW" },
		{ 26, "ETXTBSY" }, { 23, "ENFILE" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(want); i++)
		assert_string_equal(mlmon_errno_name(want[i].error), want[i].name);
	assert_null(mlmon_errno_name(0));
	assert_null(mlmon_errno_name(-12));
	assert_null(mlmon_errno_name(133));
}

static void flags_have_their_names(void **state)
{
	(void)state;
	expect_flags(MLOCK2MON_MLOCK2, 0, "0");
	expect_flags(MLOCK2MON_MLOCK2, 3, "ONFAULT|0x2");
	expect_flags(MLOCK2MON_MLOCKALL, 7, "CURRENT|FUTURE|ONFAULT");
	expect_flags(MLOCK2MON_MMAP, 0x2022, "PRIVATE|ANONYMOUS|LOCKED");
	expect_flags(MLOCK2MON_MMAP, 0x1, "SHARED");
	expect_flags(MLOCK2MON_MMAP, 0x3, "SHARED_VALIDATE");
	expect_flags(MLOCK2MON_MMAP, 0x8, "0x8");
	expect_flags(MLOCK2MON_MMAP, 0x0, "0");
	expect_flags(MLOCK2MON_MMAP, 0xffffffff,
		     "FIXED|ANONYMOUS|32BIT|GROWSDOWN|DENYWRITE|EXECUTABLE|LOCKED|NORESERVE|"
		     "POPULATE|NONBLOCK|STACK|HUGETLB|SYNC|FIXED_NOREPLACE|0xffe0068f");
	expect_flags(MLOCK2MON_MMAP, 0x54040022, "PRIVATE|ANONYMOUS|HUGETLB|0x54000000");
	expect_flags(MLOCK2MON_MREMAP, 15, "MAYMOVE|FIXED|DONTUNMAP|0x8");
	expect_flags(MLOCK2MON_SHMAT, 0170000, "RDONLY|RND|REMAP|EXEC");
	expect_flags(MLOCK2MON_SHMCTL, 11, "LOCK");
	expect_flags(MLOCK2MON_SHMCTL, 12, "UNLOCK");
	expect_flags(MLOCK2MON_SHMCTL, 13, "0xd");
	expect_flags(MLOCK2MON_MLOCK, 1, "0x1");
	expect_flags(255, 1, "0x1");
}

static void what_shares_its_place_is_told_apart(void **state)
{
	struct mlock2mon_record rec = plain;

	(void)state;
	rec.site[0] = 3;
	rec.site[1] = 2000000001;
	rec.detail = 1024 << 10;
	rec.call = MLOCK2MON_MREMAP;
	expect_part(&rec, " cgroup=4711 old_len=3 new_addr=0x77359401\n");
	rec.attr = MLOCK2MON_ATTR_REPEAT;
	expect_part(&rec, " cgroup=4711 repeat=3 last=2.000000001\n");
	rec.call = MLOCK2MON_MLOCK;
	expect_part(&rec, " cgroup=4711 repeat=3 last=2.000000001\n");
	rec.attr = 0;
	expect_part(&rec, " cgroup=4711\n");
	rec.call = MLOCK2MON_EXIT;
	rec.locked = 0;
	rec.delta = -(128 << 10);
	expect_part(&rec, " locked_kb=0 delta_kb=-128 limit_kb=8192 cap=0 cgroup=4711 calls=3 "
		    "failures=2000000001 peak_kb=1024 held_kb=128\n");
}

static void other_namespaces_are_shown(void **state)
{
	struct mlock2mon_record rec = plain;

	(void)state;
	expect_none(&rec, "ns_");
	rec.ns_tid = 7;
	expect_part(&rec, " ns_pid=731 ns_tid=7\n");
	rec.ns_pid = 5;
	rec.attr = MLOCK2MON_ATTR_REPEAT;
	expect_part(&rec, " repeat=0 last=0.000000000 ns_pid=5 ns_tid=7\n");
}

static void a_loss_is_a_line_of_its_own(void **state)
{
	struct mlock2mon_record rec = { .call = MLOCK2MON_LOST, .seq = 43, .len = 37 };

	(void)state;
	expect(&rec, "lost=37 seq=43..79\n");
	rec.attr = MLOCK2MON_ATTR_UNFILTERED;
	expect(&rec, "lost=37 seq=43..79 unfiltered=1\n");
	rec.len = 1;
	expect(&rec, "lost=1 seq=43..43 unfiltered=1\n");
}

static void every_call_and_reason_has_a_name_of_its_own(void **state)
{
	unsigned int i, k;

	(void)state;
	for (i = 0; i < MLOCK2MON_NR_CALLS; i++) {
		assert_string_not_equal(mlmon_call_name(i), "?");
		for (k = 0; k < i; k++)
			assert_string_not_equal(mlmon_call_name(i), mlmon_call_name(k));
	}
	for (i = 0; i < MLOCK2MON_NR_WHYS; i++) {
		assert_string_not_equal(mlmon_why_name(i), "?");
		for (k = 0; k < i; k++)
			assert_string_not_equal(mlmon_why_name(i), mlmon_why_name(k));
	}
	assert_string_equal(mlmon_call_name(MLOCK2MON_NR_CALLS), "?");
	assert_string_equal(mlmon_call_name(255), "?");
	assert_string_equal(mlmon_why_name(MLOCK2MON_NR_WHYS), "?");
}

/* No byte of a name ends a line or a string; what is escaped can be told back. */
static void no_byte_of_a_name_escapes(void **state)
{
	char buf[MLMON_COMM_TEXT], comm[MLOCK2MON_COMM_LEN];
	unsigned int byte;
	size_t n;

	(void)state;
	for (byte = 1; byte < 256; byte++) {
		memset(comm, byte, sizeof(comm));
		n = mlmon_format_comm(buf, comm, false);
		assert_int_equal(n, strlen(buf));
		if (byte == '"' || byte == '\\')
			assert_true(n == 32 && buf[0] == '\\' && buf[1] == (char)byte);
		else if (byte < ' ' || byte >= 0x7f)
			assert_true(n == 64 && buf[0] == '\\' && buf[1] == 'x');
		else
			assert_true(n == 16 && buf[0] == (char)byte);
		assert_null(strchr(buf, '\n'));
	}
	memset(comm, ' ', sizeof(comm));
	mlmon_format_comm(buf, comm, true);
	assert_null(strchr(buf, ' '));
}

/* As wide as any member can be. */
static void the_longest_line_fits(void **state)
{
	struct mlock2mon_record rec;
	unsigned int call, why, repeat;

	(void)state;
	memset(&rec, 0xff, sizeof(rec));
	rec.ret = INT64_MIN;
	rec.delta = INT64_MIN;
	rec.limit = ~0ULL - 1;
	rec.ns_pid--;
	for (call = 0; call < 256; call++) {
		for (why = 0; why <= MLOCK2MON_NR_WHYS; why++) {
			for (repeat = 0; repeat < 2; repeat++) {
				rec.call = call;
				rec.why = why;
				rec.attr = repeat ? 0xffff : 0xffff & ~MLOCK2MON_ATTR_REPEAT;
				free(line_of(&rec));
			}
		}
	}
}

/* The same record in a buffer of any size is the beginning of the same line. */
static void a_line_without_room_is_cut(void **state)
{
	struct mlock2mon_record rec;
	char *whole, *part;
	size_t size, len;

	(void)state;
	memset(&rec, 0xff, sizeof(rec));
	rec.call = MLOCK2MON_MMAP;
	whole = line_of(&rec);
	for (size = 1; size <= strlen(whole) + 1; size++) {
		part = malloc(size);
		assert_non_null(part);
		len = mlmon_format_record(part, size, &rec);
		assert_int_equal(len, size - 1);
		assert_memory_equal(part, whole, len);
		assert_int_equal(part[len], '\0');
		free(part);
	}
	assert_int_equal(mlmon_format_record(NULL, 0, &rec), 0);
	free(whole);
}

static void random_records_make_one_clean_line(void **state)
{
	struct mlock2mon_record rec;
	uint64_t word[sizeof(rec) / 8];
	unsigned int i, round;
	char *line, *p;

	(void)state;
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < ARRAY_SIZE(word); i++)
			word[i] = random_u64() >> (random_u64() & 63);
		memcpy(&rec, word, sizeof(rec));
		rec.call = random_u64() % (MLOCK2MON_NR_CALLS + 1);
		line = line_of(&rec);
		for (p = line; *p != '\n'; p++)
			assert_true(*p >= ' ' && *p < 0x7f);
		free(line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_has_its_numbers),
		cmocka_unit_test(a_range_is_rounded_for_calls_that_round_it),
		cmocka_unit_test(an_address_is_not_taken_for_a_number_or_an_error),
		cmocka_unit_test(errors_have_their_names),
		cmocka_unit_test(flags_have_their_names),
		cmocka_unit_test(what_shares_its_place_is_told_apart),
		cmocka_unit_test(other_namespaces_are_shown),
		cmocka_unit_test(a_loss_is_a_line_of_its_own),
		cmocka_unit_test(every_call_and_reason_has_a_name_of_its_own),
		cmocka_unit_test(no_byte_of_a_name_escapes),
		cmocka_unit_test(the_longest_line_fits),
		cmocka_unit_test(a_line_without_room_is_cut),
		cmocka_unit_test(random_records_make_one_clean_line),
	};
	const char *wanted = getenv("SEED");

	seed = wanted ? strtoull(wanted, NULL, 0) : (uint64_t)time(NULL) * 2654435761 + getpid();
	print_message("# SEED=%llu repeats this run\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
