// SPDX-License-Identifier: GPL-2.0
/* build: cmocka */
/*
 * Records as JSON, CSV and Tracee's events, made from the record itself: held to what the
 * line of the device gives, and to samples.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "../tools/column.c"
#undef NS_PER_S
#include "../tools/record.c"
#include "../tools/text.c"
#include "../tools/event.c"
#undef NS_PER_S
#include "../tools/libmlock2mon.c"
#define put_comm line_put_comm
#define put_hex line_put_hex
#define put_text line_put_text
#define put_time line_put_time
#include "../format.c"
#undef put_comm
#undef put_hex
#undef put_text
#undef put_time
#include "../tools/out.c"
#define comm_len tracee_comm_len
#define put_time tracee_put_time
#include "../tools/tracee.c"
#undef NS_PER_S
#undef comm_len
#undef put_time
#include "../tools/origin.c"

#include "jsonlines.h"
#include "random.h"

#define HEX64	"0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

/* Ends where its memory does. */
static char *room(size_t size)
{
	char *mem = malloc(size);

	assert_non_null(mem);
	return mem;
}

/* --- JSON is that of the line --- */

static void expect_same_json(const struct mlock2mon_record *rec)
{
	char line[MLOCK2MON_LINE_MAX];
	size_t len = mlock2mon_format(line, sizeof(line), rec), json_len;
	char *direct = room(COLUMN_ROOM);
	char *json = NULL;
	struct record parts;
	FILE *out = open_memstream(&json, &json_len);

	assert_non_null(out);
	assert_true(record_parse(&parts, line, len - 1));
	event_json(out, &parts);
	fclose(out);
	*column_json(direct, rec) = '\0';
	assert_string_equal(direct, json);
	assert_true(jsonl_is_object(direct, strlen(direct) - 1));
	free(direct);
	free(json);
}

static uint64_t any_number(struct random *r)
{
	static const uint64_t edge[] = {
		0, 1, 9, 10, 99, 100, 4095, 4096, 65536, INT64_MAX, 1ULL << 63, UINT64_MAX,
		999999999, 1000000000, 0x7f31c4a00000,
	};

	return one_in(r, 3) ? edge[below(r, ARRAY_SIZE(edge))] : next(r) >> below(r, 48);
}

static void any_comm(struct random *r, char comm[MLOCK2MON_COMM_LEN])
{
	static const char *const name[] = {
		"gpg-agent", "a b", "caf\xc3\xa9", "\xff\xfe", "\"\\", "=1+1", "\x1b[2J", "",
		"0123456789abcde", "\xe2\x80\xae", "a\nb", "\xc3", "\xf0\x9f\x94\x92",
	};
	size_t i;

	memset(comm, 0, MLOCK2MON_COMM_LEN);
	if (one_in(r, 2)) {
		strcpy(comm, name[below(r, ARRAY_SIZE(name))]);
		return;
	}
	for (i = 0; i < MLOCK2MON_COMM_LEN - 1; i++)
		comm[i] = next(r);
}

static void any_record(struct random *r, struct mlock2mon_record *rec)
{
	uint64_t *word = (uint64_t *)rec;
	size_t i;

	for (i = 0; i < sizeof(*rec) / sizeof(*word); i++)
		word[i] = any_number(r);
	rec->call = below(r, MLOCK2MON_NR_CALLS);
	rec->why = below(r, MLOCK2MON_NR_WHYS);
	rec->attr = next(r) & 0x1ff;
	if (one_in(r, 2))
		rec->ret = -(int64_t)below(r, 140);
	if (one_in(r, 2))
		rec->flags = below(r, 8);
	if (one_in(r, 2))
		rec->ns_pid = rec->pid, rec->ns_tid = rec->tid;
	any_comm(r, rec->comm);
	if (one_in(r, 50)) {
		rec->call = MLOCK2MON_LOST;
		rec->seq = 1 + below(r, 1000);
		rec->len = 1 + below(r, 1000);
		rec->attr &= MLOCK2MON_ATTR_UNFILTERED;
	}
}

static void json_is_that_of_the_line(void **state)
{
	struct random r = { 20 };
	struct mlock2mon_record rec;
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		any_record(&r, &rec);
		expect_same_json(&rec);
	}
}

/* --- CSV --- */

/* The field of that number, without its quotes; false if the row has not so many. */
static bool csv_field(const char *row, size_t number, char field[256])
{
	size_t at = 0;
	bool quoted = false;
	char *to = field;

	for (; *row; row++) {
		if (*row == '"' && quoted && row[1] == '"') {
			row++;
		} else if (*row == '"') {
			quoted = !quoted;
			continue;
		} else if (!quoted && (*row == ',' || *row == '\n')) {
			if (at == number)
				break;
			at++;
			continue;
		}
		if (at == number)
			*to++ = *row;
	}
	*to = '\0';
	return at == number && *row;
}

static void expect_csv(const struct mlock2mon_record *rec, const char *key, const char *want)
{
	char header[COLUMN_ROOM], row[COLUMN_ROOM], field[256];
	size_t i;

	*column_csv_header(header) = '\0';
	*column_csv(row, rec) = '\0';
	for (i = 0; csv_field(header, i, field); i++) {
		if (strcmp(field, key))
			continue;
		assert_true(csv_field(row, i, field));
		assert_string_equal(field, want);
		return;
	}
	fail_msg("no column %s", key);
}

static size_t fields_of(const char *row)
{
	char field[256];
	size_t n = 0;

	while (csv_field(row, n, field))
		n++;
	return n;
}

static void each_row_has_all_columns_and_one_line(void **state)
{
	char header[COLUMN_ROOM], row[COLUMN_ROOM];
	struct mlock2mon_record rec;
	struct random r = { 21 };
	size_t nr;
	int i;

	(void)state;
	*column_csv_header(header) = '\0';
	nr = fields_of(header);
	for (i = 0; i < 5000; i++) {
		any_record(&r, &rec);
		*column_csv(row, &rec) = '\0';
		assert_int_equal(fields_of(row), nr);
		assert_ptr_equal(strchr(row, '\n'), row + strlen(row) - 1);
	}
}

static struct mlock2mon_record sample(void)
{
	return (struct mlock2mon_record){
		.seq = 42, .ts_ns = 1234567890123, .dur_ns = 1830, .addr = 0x7f31c4a00000,
		.len = 65536, .ret = -12, .locked = 8 << 20, .limit = 8 << 20, .detail = 65536,
		.cgroup = 4711, .flags = 1, .call = MLOCK2MON_MLOCK2, .why = MLOCK2MON_WHY_LIMIT,
		.pid = 731, .tid = 731, .uid = 1000, .ns_pid = 731, .ns_tid = 731, .cpu = 1,
		.comm = "gpg-agent",
	};
}

static void a_row_has_what_the_line_has(void **state)
{
	struct mlock2mon_record rec = sample();
	char row[COLUMN_ROOM];

	(void)state;
	*column_csv(row, &rec) = '\0';
	assert_string_equal(row, "42,,,1234.567890123,1,mlock2,731,731,1000,\"gpg-agent\","
			    "0x7f31c4a00000,65536,ONFAULT,-12,ENOMEM,1830,8192,0,8192,0,4711,"
			    "limit,64,,,,,,,,,,,,,,,,,,,,\n");
	rec.limit = ~0ULL;
	rec.attr = MLOCK2MON_ATTR_CAP | MLOCK2MON_ATTR_RACY;
	expect_csv(&rec, "limit_kb", "unlimited");
	expect_csv(&rec, "cap", "1");
	expect_csv(&rec, "racy", "1");
	expect_csv(&rec, "compat", "");
	rec = (struct mlock2mon_record){
		.call = MLOCK2MON_LOST, .seq = 43, .len = 37, .attr = MLOCK2MON_ATTR_UNFILTERED };
	expect_csv(&rec, "seq", "43");
	expect_csv(&rec, "lost", "37");
	expect_csv(&rec, "unfiltered", "1");
	expect_csv(&rec, "ts", "");
}

static void set_comm(struct mlock2mon_record *rec, const char *comm)
{
	memset(rec->comm, 0, sizeof(rec->comm));
	memcpy(rec->comm, comm, strnlen(comm, sizeof(rec->comm) - 1));
}

static void expect_csv_comm(const char *comm, const char *want)
{
	struct mlock2mon_record rec = sample();

	set_comm(&rec, comm);
	expect_csv(&rec, "comm", want);
}

static void a_name_is_no_formula_and_no_row(void **state)
{
	(void)state;
	expect_csv_comm("a\"b,c", "a\"b,c");
	expect_csv_comm("a\nb", "a\\x0ab");
	expect_csv_comm("a\\b", "a\\\\b");
	expect_csv_comm("=1+1", "\\x3d1+1");
	expect_csv_comm("\xef\xbc\x9dx\xef\xbc\x9dx", "\\xef\\xbc\\x9dx\xef\xbc\x9dx");
	expect_csv_comm("\xef\xbc\x8bx", "\\xef\\xbc\\x8bx");
	expect_csv_comm("\xef\xbc\x8dx", "\\xef\\xbc\\x8dx");
	expect_csv_comm("\xef\xbc\xa0x", "\\xef\\xbc\\xa0x");
	expect_csv_comm("+1", "\\x2b1");
	expect_csv_comm("-1", "\\x2d1");
	expect_csv_comm("@a", "\\x40a");
	expect_csv_comm("1=1", "1=1");
	expect_csv_comm("\xc4\xbd", "\xc4\xbd");
	expect_csv_comm("\xff", "\\xff");
	expect_csv_comm("\xe2\x80\xae", "\\xe2\\x80\\xae");
}

/* --- Tracee --- */

#define BOOT	1787566000000000000LL
#define TS	530123456789ULL
#define START	529870123456ULL

static const struct tracee_world host1 = { .boot_ns = BOOT, .hostname = "host1" };

static struct mlock2mon_record demo(void)
{
	return (struct mlock2mon_record){
		.seq = 1, .ts_ns = TS, .addr = 0x7f3a5c000000, .len = 65536, .ret = -12,
		.cgroup = 5247, .start_ns = START, .leader_start_ns = START,
		.parent_start_ns = 1787500000120000000LL - BOOT, .flags = 1,
		.call = MLOCK2MON_MLOCK2, .why = MLOCK2MON_WHY_LIMIT, .pid = 4242, .tid = 4242,
		.uid = 1000, .ppid = 4100, .ns_pid = 4242, .ns_tid = 4242, .ns_ppid = 4100,
		.mnt_ns = 4026531841, .pid_ns = 4026531836, .cpu = 3, .comm = "mlockdemo",
	};
}

static void ids_are_those_of_tracee(void **state)
{
	uint8_t aa[16];

	(void)state;
	memset(aa, 0xaa, sizeof(aa));
	assert_int_equal(murmur3("", 0, 0x18273645), 0xac1e97d9);
	assert_int_equal(murmur3("hello", 5, 0x18273645), 0x6fcfe226);
	assert_int_equal(murmur3("\0\0\0\0\0\0\0\0\0\0\0", 12, 0x18273645), 0xf6c56b4a);
	assert_int_equal(murmur3(aa, sizeof(aa), 0x18273645), 0x837e5743);
	assert_int_equal(tracee_id(4242, BOOT + START), 2337455313);
	assert_int_equal(tracee_id(4100, 1787500000120000000LL), 1020963311);
}

enum dialect {
	TRACEE,
	LEGACY,
};

/* Numbers of system calls, which the old dialect has. */
#ifdef __aarch64__
#define MLOCK2		"284"
#define MUNLOCKALL	"231"
#else
#define MLOCK2		"325"
#define MUNLOCKALL	"152"
#endif

static char *write_event(enum dialect dialect, char *text, const struct mlock2mon_record *rec,
			 const struct origin *origin)
{
	return dialect == LEGACY ? tracee_legacy(text, rec, origin, &host1) :
	       tracee_json(text, rec, origin, &host1);
}

static void expect_tracee(enum dialect dialect, const struct mlock2mon_record *rec,
			  const struct origin *origin, const char *want)
{
	char *text = room(TRACEE_ROOM);
	char *end = write_event(dialect, text, rec, origin);

	assert_int_equal(end[-1], '\n');
	assert_true(jsonl_is_object(text, end - 1 - text));
	end[-1] = '\0';
	assert_string_equal(text, want);
	free(text);
}

static void expect_part(enum dialect dialect, const struct mlock2mon_record *rec,
			const struct origin *origin, const char *want)
{
	char *text = room(TRACEE_ROOM);
	char *end = write_event(dialect, text, rec, origin);

	assert_true(jsonl_is_object(text, end - 1 - text));
	*end = '\0';
	if (!strstr(text, want))
		fail_msg("no '%s' in: %s", want, text);
	free(text);
}

static void an_event_is_that_of_tracee(void **state)
{
	struct mlock2mon_record rec = demo();

	(void)state;
	expect_tracee(TRACEE, &rec, NULL,
		      "{\"timestamp\":\"2026-08-24T10:15:30.123456789Z\",\"id\":326,"
		      "\"name\":\"mlock2\",\"policies\":{\"matched\":[\"\"]},\"workload\":"
		      "{\"process\":{\"unique_id\":2337455313,\"host_pid\":4242,\"pid\":4242,"
		      "\"real_user\":{\"id\":1000},\"thread\":{\"start_time\":"
		      "\"2026-08-24T10:15:29.870123456Z\",\"name\":\"mlockdemo\",\"unique_id\":"
		      "2337455313,\"host_tid\":4242,\"tid\":4242,\"syscall\":\"mlock2\"},"
		      "\"ancestors\":[{\"unique_id\":1020963311,\"host_pid\":4100,\"pid\":4100}]}},"
		      "\"data\":[{\"name\":\"addr\",\"pointer\":\"139888628334592\"},"
		      "{\"name\":\"len\",\"u_int64\":\"65536\"},{\"name\":\"flags\",\"int32\":1},"
		      "{\"name\":\"returnValue\",\"int64\":\"-12\"}]}");
}

static void a_legacy_event_is_that_of_tracee(void **state)
{
	struct mlock2mon_record rec = demo();

	(void)state;
	expect_tracee(LEGACY, &rec, NULL,
		      "{\"timestamp\":1787566530123456789,\"threadStartTime\":1787566529870123456,"
		      "\"processorId\":3,\"processId\":4242,\"cgroupId\":5247,\"threadId\":4242,"
		      "\"parentProcessId\":4100,\"hostProcessId\":4242,\"hostThreadId\":4242,"
		      "\"hostParentProcessId\":4100,\"userId\":1000,\"mountNamespace\":4026531841,"
		      "\"pidNamespace\":4026531836,\"processName\":\"mlockdemo\",\"executable\":"
		      "{\"path\":\"\"},\"hostName\":\"host1\",\"containerId\":\"\",\"container\":{},"
		      "\"kubernetes\":{},\"eventId\":\"" MLOCK2 "\",\"eventName\":\"mlock2\","
		      "\"matchedPolicies\":[\"\"],\"argsNum\":3,\"returnValue\":-12,\"syscall\":"
		      "\"mlock2\",\"stackAddresses\":null,\"contextFlags\":{\"containerStarted\":"
		      "false,\"isCompat\":false},\"threadEntityId\":2337455313,\"processEntityId\":"
		      "2337455313,\"parentEntityId\":1020963311,\"args\":[{\"name\":\"addr\","
		      "\"type\":\"trace.Pointer\",\"value\":139888628334592},{\"name\":\"len\","
		      "\"type\":\"uint64\",\"value\":65536},{\"name\":\"flags\",\"type\":\"int32\","
		      "\"value\":1}]}");
}

static void what_is_not_known_is_left_out(void **state)
{
	struct mlock2mon_record rec = demo();

	(void)state;
	rec.start_ns = 0;
	rec.comm[0] = '\0';
	rec.parent_start_ns = 0;
	expect_part(TRACEE, &rec, NULL, "\"thread\":{\"unique_id\":");
	expect_part(TRACEE, &rec, NULL, "\"syscall\":\"mlock2\"}}},\"data\":");
	expect_part(LEGACY, &rec, NULL, "\"parentEntityId\":0,");
}

static void each_call_has_its_arguments(void **state)
{
	struct mlock2mon_record rec = demo();

	(void)state;
	rec.attr = MLOCK2MON_ATTR_COMPAT;
	rec.call = MLOCK2MON_MUNLOCK;
	expect_part(TRACEE, &rec, NULL, ",\"id\":151,\"name\":\"munlock\",");
	expect_part(TRACEE, &rec, NULL, "\"syscall\":\"munlock\",\"compat\":true}");
	expect_part(TRACEE, &rec, NULL, "\"65536\"},{\"name\":\"returnValue\"");
	expect_part(LEGACY, &rec, NULL, "\"isCompat\":true}");
	expect_part(LEGACY, &rec, NULL, "\"argsNum\":2,");
	expect_part(LEGACY, &rec, NULL, "\"type\":\"uint64\",\"value\":65536}]}\n");
	rec.call = MLOCK2MON_MLOCK;
	expect_part(TRACEE, &rec, NULL, ",\"id\":150,\"name\":\"mlock\",");
	rec.call = MLOCK2MON_MLOCKALL;
	rec.flags = 0x80000001;
	expect_part(TRACEE, &rec, NULL, ",\"id\":152,");
	expect_part(TRACEE, &rec, NULL,
		    "\"data\":[{\"name\":\"flags\",\"int32\":-2147483647},");
	expect_part(LEGACY, &rec, NULL, "\"args\":[{\"name\":\"flags\",\"type\":\"int32\","
		    "\"value\":-2147483647}]}");
	rec.call = MLOCK2MON_MUNLOCKALL;
	expect_part(TRACEE, &rec, NULL, ",\"id\":153,");
	expect_part(TRACEE, &rec, NULL, "\"data\":[{\"name\":\"returnValue\",");
	expect_part(LEGACY, &rec, NULL, "\"eventId\":\"" MUNLOCKALL "\",");
	expect_part(LEGACY, &rec, NULL, "\"argsNum\":0,");
	expect_part(LEGACY, &rec, NULL, "\"args\":[]}");
	assert_true(tracee_knows(&rec));
	rec.why = MLOCK2MON_WHY_BLOCKED;
	assert_false(tracee_knows(&rec));
	rec.call = MLOCK2MON_MMAP;
	rec.why = 0;
	assert_false(tracee_knows(&rec));
	rec.call = MLOCK2MON_LOST;
	assert_false(tracee_knows(&rec));
}

static void times_have_no_zeroes_at_their_end(void **state)
{
	struct mlock2mon_record rec = demo();

	(void)state;
	rec.ts_ns = 530120000000;
	expect_part(TRACEE, &rec, NULL, "{\"timestamp\":\"2026-08-24T10:15:30.12Z\",");
	rec.ts_ns = 530000000000;
	expect_part(TRACEE, &rec, NULL, "{\"timestamp\":\"2026-08-24T10:15:30Z\",");
	rec.ts_ns = 530000000001;
	expect_part(TRACEE, &rec, NULL, "{\"timestamp\":\"2026-08-24T10:15:30.000000001Z\",");
}

static void containers_and_executables_are_told(void **state)
{
	struct origin origin = { .container = HEX64, .executable = "/usr/bin/mlockdemo" };
	struct mlock2mon_record rec = demo();

	(void)state;
	expect_part(TRACEE, &rec, &origin, "\"workload\":{\"process\":{\"executable\":"
		    "{\"path\":\"/usr/bin/mlockdemo\"},\"unique_id\":2337455313,");
	expect_part(TRACEE, &rec, &origin, "\"pid\":4100}]},\"container\":{\"id\":\"" HEX64
		    "\",\"name\":\"\",\"started\":true}},\"data\":[");
	expect_part(LEGACY, &rec, &origin,
		    "\"executable\":{\"path\":\"/usr/bin/mlockdemo\"},");
	expect_part(LEGACY, &rec, &origin, "\"containerId\":\"" HEX64 "\",\"container\":"
		    "{\"id\":\"" HEX64 "\"},\"kubernetes\":{},");
	expect_part(LEGACY, &rec, &origin, "{\"containerStarted\":true,");
}

static void expect_names(const char *comm, const char *json, const char *legacy)
{
	struct mlock2mon_record rec = demo();
	char want[256];

	set_comm(&rec, comm);
	snprintf(want, sizeof(want), "\"name\":\"%s\",\"unique_id\"", json);
	expect_part(TRACEE, &rec, NULL, want);
	snprintf(want, sizeof(want), "\"processName\":\"%s\",\"executable\"", legacy);
	expect_part(LEGACY, &rec, NULL, want);
}

static void names_are_escaped_as_tracee_does(void **state)
{
	(void)state;
	expect_names("a\"\\b", "a\\\"\\\\b", "a\\\"\\\\b");
	expect_names("\n\r\t\b\f", "\\n\\r\\t\\b\\f", "\\n\\r\\t\\b\\f");
	expect_names("\x01\x1b\x7f", "\\u0001\\u001b\\u007f", "\\u0001\\u001b\\u007f");
	expect_names("\xc2\x9b", "\\u009b", "\\u009b");
	expect_names("<a>&", "<a>&", "\\u003ca\\u003e\\u0026");
	expect_names("a\xffz\xc3", "az", "a\\ufffdz\\ufffd");
	expect_names("\xef\xbf\xbd!", "!", "\xef\xbf\xbd!");
	expect_names("\xe2\x80\xa8", "\\u2028", "\\u2028");
	expect_names("caf\xc3\xa9", "caf\xc3\xa9", "caf\xc3\xa9");
}

static void any_record_is_an_object(void **state)
{
	struct origin origin = { .container = HEX64 };
	char path[ORIGIN_PATH_MAX];
	struct mlock2mon_record rec;
	struct random r = { 22 };
	char *text, *end;
	int i;

	(void)state;
	memset(path, 1, sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	origin.executable = path;
	for (i = 0; i < 2000; i++) {
		any_record(&r, &rec);
		rec.call = below(&r, 5);
		text = room(TRACEE_ROOM);
		end = tracee_json(text, &rec, &origin, &host1);
		assert_true(jsonl_is_object(text, end - 1 - text));
		end = tracee_legacy(text, &rec, &origin, &host1);
		assert_true(jsonl_is_object(text, end - 1 - text));
		free(text);
	}
}

/* --- where a process comes from --- */

static void expect_container(const char *cgroup, const char *want)
{
	char id[ORIGIN_CONTAINER_LEN];
	char *copy = strdup(cgroup);

	assert_int_equal(origin_container(copy, id), !!*want);
	assert_string_equal(id, want);
	free(copy);
}

static void a_cgroup_tells_the_container(void **state)
{
	(void)state;
	expect_container("0::/system.slice/docker-" HEX64 ".scope\n", HEX64);
	expect_container("0::/docker/" HEX64 "\n", HEX64);
	expect_container("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" HEX64 ".scope\n",
			 HEX64);
	expect_container("0::/kubepods/burstable/pod1/" HEX64 "\n", HEX64);
	expect_container("0::/machine.slice/libpod-" HEX64 ".scope/container\n", HEX64);
	expect_container("0::/crio-" HEX64, HEX64);
	expect_container("0::/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:"
			 HEX64 "\n", HEX64);
	expect_container("12:memory:/docker/" HEX64 "\n0::/\n", HEX64);
	expect_container("0::/user.slice/user-1000.slice/session-1.scope\n", "");
	expect_container("0::/docker-" HEX64 "0.scope\n", "");
	expect_container("0::/crio-conmon-" HEX64 ".scope\n", "");
	expect_container("0::/docker/0123\n", "");
	expect_container("", "");
	expect_container("/", "");
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

#define STAT	"77 (a) b (c) S 1 77 77 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 %s 2277376 128"

static void a_process_is_known_while_it_is_the_same(void **state)
{
	char proc[] = "/tmp/unit-show-XXXXXX";
	struct mlock2mon_record rec = { .pid = 77, .leader_start_ns = 123450001234, .comm = "x" };
	static struct origins all;
	const struct origin *origin;
	char dir[64], path[128], stat[256];

	(void)state;
	assert_non_null(mkdtemp(proc));
	snprintf(dir, sizeof(dir), "%s/77", proc);
	assert_int_equal(mkdir(dir, 0700), 0);
	write_file(dir, "cgroup", "0::/docker/" HEX64 "\n");
	snprintf(stat, sizeof(stat), STAT, "12345");
	write_file(dir, "stat", stat);
	snprintf(path, sizeof(path), "%s/exe", dir);
	assert_int_equal(symlink("/usr/bin/x", path), 0);

	assert_null(origin_find(&all, &rec));
	all.proc = proc;
	origin = origin_find(&all, &rec);
	assert_string_equal(origin->container, HEX64);
	assert_string_equal(origin->executable, "/usr/bin/x");

	/* The same number, but a later process. */
	rec.leader_start_ns += 10000000;
	origin = origin_find(&all, &rec);
	assert_string_equal(origin->container, "");
	assert_null(origin->executable);

	/* It is gone, but was seen; under another name it was not. */
	snprintf(path, sizeof(path), "rm -r %s", proc);
	assert_int_equal(system(path), 0);
	rec.leader_start_ns -= 10000000;
	origin = origin_find(&all, &rec);
	assert_string_equal(origin->executable, "/usr/bin/x");
	strcpy(rec.comm, "y");
	origin = origin_find(&all, &rec);
	assert_null(origin->executable);
	origin_free(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_that_of_the_line),
		cmocka_unit_test(each_row_has_all_columns_and_one_line),
		cmocka_unit_test(a_row_has_what_the_line_has),
		cmocka_unit_test(a_name_is_no_formula_and_no_row),
		cmocka_unit_test(ids_are_those_of_tracee),
		cmocka_unit_test(an_event_is_that_of_tracee),
		cmocka_unit_test(a_legacy_event_is_that_of_tracee),
		cmocka_unit_test(what_is_not_known_is_left_out),
		cmocka_unit_test(each_call_has_its_arguments),
		cmocka_unit_test(times_have_no_zeroes_at_their_end),
		cmocka_unit_test(containers_and_executables_are_told),
		cmocka_unit_test(names_are_escaped_as_tracee_does),
		cmocka_unit_test(any_record_is_an_object),
		cmocka_unit_test(a_cgroup_tells_the_container),
		cmocka_unit_test(a_process_is_known_while_it_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
