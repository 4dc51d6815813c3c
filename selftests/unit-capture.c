// SPDX-License-Identifier: GPL-2.0
/* build: cmocka */
/* A recording: what went in comes out, whatever is cut off it or damaged in it. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../tools/capture.c"
#include "../tools/crc32c.c"
#include "../tools/record.c"
#include "../tools/origin.c"

#include "random.h"

#define RECORDS	600	/* in blocks of 100 */
#define HEAD	sizeof(struct capture_header)
#define HEX64	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BLOCK	(sizeof(struct capture_block) + 100 * sizeof(struct mlock2mon_record))

static char *file;
static size_t file_size;

static struct mlock2mon_record record_of(uint64_t seq)
{
	return (struct mlock2mon_record){
		.seq = seq, .ts_ns = seq * 1000, .pid = 77, .leader_start_ns = 5, .comm = "x",
		.len = seq ^ 0x5555,
	};
}

static void add_records(struct capture_writer *writer)
{
	struct mlock2mon_record rec;
	uint64_t seq;

	for (seq = 1; seq <= RECORDS; seq++) {
		rec = record_of(seq);
		assert_true(capture_add(writer, &rec));
		if (seq % 100 == 0)
			assert_true(capture_flush(writer, seq + 1));
	}
}

static int write_recording(void **state)
{
	static struct capture_writer writer;
	struct capture_header header = { .page_size = 4096, .boot_ns = -5, .hostname = "here" };
	struct capture_end end = { .records = RECORDS };

	(void)state;
	memset(&writer, 0, sizeof(writer));
	writer.file = open_memstream(&file, &file_size);
	writer.next = 1;
	assert_true(capture_begin(&writer, &header));
	add_records(&writer);
	assert_true(capture_end(&writer, &end));
	fclose(writer.file);
	assert_int_equal(writer.size, file_size);
	assert_int_equal(writer.sum.records, RECORDS);
	return 0;
}

static int free_recording(void **state)
{
	(void)state;
	free(file);
	return 0;
}

/* What a reader gives. */
struct given {
	const char		*problem;
	uint64_t		records;
	uint64_t		lost;
	uint64_t		last;
	bool			true_and_in_order;
	struct capture_health	health;
	struct capture_header	header;
};

static void take(struct given *given, const struct mlock2mon_record *rec)
{
	struct mlock2mon_record want = record_of(rec->seq);

	if (rec->seq != given->last + 1)
		given->true_and_in_order = false;
	if (rec->call == MLOCK2MON_LOST) {
		given->lost += rec->len;
		given->last = rec->seq + rec->len - 1;
		return;
	}
	given->records++;
	given->last = rec->seq;
	if (memcmp(rec, &want, sizeof(want)))
		given->true_and_in_order = false;
}

static struct given give(const char *bytes, size_t size)
{
	struct given given = { .true_and_in_order = true };
	struct capture_reader reader;
	struct mlock2mon_record rec;
	/* In memory of that size, so that ASan sees a step too far. */
	char *copy = malloc(size + !size);
	FILE *in;

	memcpy(copy, bytes, size);
	in = size ? fmemopen(copy, size, "r") : fopen("/dev/null", "r");
	assert_non_null(in);
	given.problem = capture_open(&reader, in);
	given.header = reader.header;
	while (!given.problem && capture_next(&reader, &rec))
		take(&given, &rec);
	given.health = reader.health;
	capture_close(&reader);
	fclose(in);
	free(copy);
	return given;
}

static void sums_are_those_of_the_standard(void **state)
{
	static const char digits[] = "123456789";
	struct random r = { 30 };
	char zero[32] = { 0 }, bytes[100];
	size_t i, len;

	(void)state;
	assert_int_equal(crc32c(0, digits, 9), 0xe3069283);
	assert_int_equal(crc32c_by_table(0, digits, 9), 0xe3069283);
	assert_int_equal(crc32c(0, zero, 32), 0x8a9136aa);
	assert_int_equal(crc32c(crc32c(0, digits, 4), digits + 4, 5), 0xe3069283);
	for (len = 0; len < sizeof(bytes); len++) {
		for (i = 0; i < len; i++)
			bytes[i] = next(&r);
		assert_int_equal(crc32c(0, bytes, len), crc32c_by_table(0, bytes, len));
	}
}

static void what_went_in_comes_out(void **state)
{
	struct given given = give(file, file_size);

	(void)state;
	assert_null(given.problem);
	assert_int_equal(given.records, RECORDS);
	assert_int_equal(given.lost, 0);
	assert_true(given.true_and_in_order && given.health.ended);
	assert_int_equal(given.health.damages, 0);
	assert_string_equal(given.header.hostname, "here");
	assert_int_equal(given.header.boot_ns, -5);
}

/* All blocks that are whole, for every length there is. */
static void cut_anywhere_the_rest_is_used(void **state)
{
	struct given given;
	size_t size;

	(void)state;
	for (size = 0; size < file_size; size += size < HEAD + 40 ? 1 : 211) {
		given = give(file, size);
		if (size < HEAD) {
			assert_non_null(given.problem);
			continue;
		}
		assert_null(given.problem);
		assert_false(given.health.ended);
		assert_true(given.true_and_in_order);
		assert_int_equal(given.records, (size - HEAD) / BLOCK * 100 > RECORDS ? RECORDS :
				 (size - HEAD) / BLOCK * 100);
		assert_int_equal(given.health.damages,
				 (size - HEAD) % BLOCK && size != HEAD + 6 * BLOCK);
	}
}

/* Damage costs the block that it is in, and that is told as a loss in its place. */
static void damaged_anywhere_the_rest_is_used(void **state)
{
	char *copy = malloc(file_size);
	struct given given;
	size_t at;

	(void)state;
	for (at = HEAD; at < HEAD + 6 * BLOCK; at += 97) {
		memcpy(copy, file, file_size);
		copy[at] ^= 0x10;
		given = give(copy, file_size);
		assert_null(given.problem);
		assert_int_equal(given.records, RECORDS - 100);
		assert_int_equal(given.lost, 100);
		assert_true(given.true_and_in_order);
		assert_true(given.health.ended);
		assert_int_equal(given.health.damages, 1);
		assert_int_equal(given.health.damaged_bytes, BLOCK);
	}
	free(copy);
}

static void bytes_out_of_the_middle_are_found_out(void **state)
{
	char *copy = malloc(2 * file_size);
	struct given given;

	(void)state;
	/* An odd number of bytes is missing. */
	memcpy(copy, file, HEAD + 150);
	memcpy(copy + HEAD + 150, file + HEAD + 163, file_size - HEAD - 163);
	given = give(copy, file_size - 13);
	assert_int_equal(given.records, RECORDS - 100);
	/* A whole block is missing. */
	memcpy(copy, file, HEAD + BLOCK);
	memcpy(copy + HEAD + BLOCK, file + HEAD + 2 * BLOCK, file_size - HEAD - 2 * BLOCK);
	given = give(copy, file_size - BLOCK);
	assert_int_equal(given.records, RECORDS - 100);
	assert_int_equal(given.lost, 100);
	assert_true(given.true_and_in_order && given.health.ended);
	free(copy);
}

static void what_is_behind_the_end_is_told(void **state)
{
	char *copy = malloc(2 * file_size);
	struct given given;

	(void)state;
	assert_int_equal(give(file, file_size).health.behind, 0);
	memcpy(copy, file, file_size);
	memcpy(copy + file_size, file, file_size);
	given = give(copy, 2 * file_size);
	assert_int_equal(given.records, RECORDS);
	assert_int_equal(given.health.behind, file_size);
	assert_true(given.health.ended);
	given = give(copy, file_size + 1);
	assert_int_equal(given.health.behind, 1);
	free(copy);
}

static int asked;

static bool never_stop(void)
{
	asked++;
	return false;
}

static bool stop_at_once(void)
{
	return true;
}

/* Heads of the largest blocks there can be, one behind the other, in as many bytes. */
static FILE *open_heads(size_t size)
{
	struct capture_block block = {
		.magic = CAPTURE_BLOCK_MAGIC, .kind = CAPTURE_RECORDS,
		.length = CAPTURE_PAYLOAD_MAX,
	};
	FILE *out = tmpfile();
	size_t at;

	assert_non_null(out);
	fwrite(file, 1, HEAD, out);
	for (at = 0; at < size; at += sizeof(block))
		fwrite(&block, 1, sizeof(block), out);
	rewind(out);
	return out;
}

/* Each of them would be summed up in full: 8 GiB for the first MiB. */
static void what_is_made_to_take_long_is_given_up(void **state)
{
	struct capture_reader reader;
	struct mlock2mon_record rec;
	FILE *in = open_heads(2 << 20);

	(void)state;
	assert_null(capture_open(&reader, in));
	reader.stop = never_stop;
	assert_false(capture_next(&reader, &rec));
	assert_true(reader.health.hopeless && !reader.health.ended && !reader.stopped);
	assert_true(reader.wasted < 100 << 20);
	assert_true(asked > 0);
	capture_close(&reader);
	rewind(in);
	assert_null(capture_open(&reader, in));
	reader.stop = stop_at_once;
	assert_false(capture_next(&reader, &rec));
	assert_true(reader.stopped && !reader.health.hopeless);
	assert_true(reader.wasted <= sizeof(struct capture_block) + CAPTURE_PAYLOAD_MAX);
	capture_close(&reader);
	fclose(in);
}

static void what_is_no_recording_is_refused(void **state)
{
	char *copy = malloc(file_size);
	size_t at;

	(void)state;
	assert_non_null(give("", 0).problem);
	assert_non_null(give("seq=1 call=mlock\n", 17).problem);
	for (at = 0; at < HEAD; at++) {
		memcpy(copy, file, file_size);
		copy[at] ^= 1;
		assert_non_null(give(copy, file_size).problem);
	}
	free(copy);
}

static void noise_does_no_harm(void **state)
{
	struct random r = { 31 };
	char *copy = malloc(file_size);
	int round, i;

	(void)state;
	for (round = 0; round < 200; round++) {
		memcpy(copy, file, file_size);
		for (i = 0; i < 20; i++)
			copy[HEAD + below(&r, file_size - HEAD)] = next(&r);
		give(copy, HEAD + below(&r, file_size - HEAD));
	}
	free(copy);
}

static void a_process_is_known_from_the_file(void **state)
{
	static struct capture_writer writer;
	static struct origins origins;
	struct origin origin = { .pid = 77, .start_ns = 5, .comm = "x", .container = HEX64,
				 .executable = "/usr/bin/x" };
	struct mlock2mon_record rec = record_of(9), other = record_of(9);
	struct capture_header header = { 0 };
	struct capture_reader reader;
	const struct origin *found;
	char *bytes;
	size_t size;
	FILE *in;

	(void)state;
	writer.file = open_memstream(&bytes, &size);
	writer.next = 9;
	assert_true(capture_begin(&writer, &header) && capture_add_origin(&writer, &origin) &&
		    capture_add(&writer, &rec) && capture_flush(&writer, 12));
	fclose(writer.file);
	in = fmemopen(bytes, size, "r");
	assert_null(capture_open(&reader, in));
	reader.origins = &origins;
	assert_true(capture_next(&reader, &rec));
	found = origin_find(&origins, &rec);
	assert_string_equal(found->executable, "/usr/bin/x");
	assert_string_equal(found->container, HEX64);
	other.pid++;
	assert_null(origin_find(&origins, &other));
	assert_true(capture_rewind(&reader));
	assert_true(capture_next(&reader, &rec));
	assert_int_equal(rec.seq, 9);
	assert_false(capture_next(&reader, &rec));
	origin_free(&origins);
	capture_close(&reader);
	fclose(in);
	free(bytes);
}

/* Forms write it as it is. */
static void a_container_is_an_id_or_nothing(void **state)
{
	static const char *const container[] = { "\"},{\"a\":\"", "abc", HEX64 "\"", "" };
	static struct capture_writer writer;
	static struct origins origins;
	struct mlock2mon_record rec = record_of(9);
	struct capture_header header = { 0 };
	struct capture_reader reader;
	char *bytes;
	size_t size, i;
	FILE *in;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(container); i++) {
		struct capture_origin origin = { .pid = 77, .start_ns = 5, .comm = "x" };

		memcpy(origin.container, container[i], strlen(container[i]));
		memset(&writer, 0, sizeof(writer));
		writer.file = open_memstream(&bytes, &size);
		writer.next = 9;
		assert_true(capture_begin(&writer, &header) &&
			    write_block(&writer, CAPTURE_ORIGIN, &origin, sizeof(origin), 9) &&
			    capture_add(&writer, &rec) && capture_flush(&writer, 10));
		fclose(writer.file);
		in = fmemopen(bytes, size, "r");
		assert_null(capture_open(&reader, in));
		reader.origins = &origins;
		assert_true(capture_next(&reader, &rec));
		assert_string_equal(origin_find(&origins, &rec)->container, "");
		origin_free(&origins);
		capture_close(&reader);
		fclose(in);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_those_of_the_standard),
		cmocka_unit_test(what_went_in_comes_out),
		cmocka_unit_test(cut_anywhere_the_rest_is_used),
		cmocka_unit_test(damaged_anywhere_the_rest_is_used),
		cmocka_unit_test(bytes_out_of_the_middle_are_found_out),
		cmocka_unit_test(what_is_behind_the_end_is_told),
		cmocka_unit_test(what_is_made_to_take_long_is_given_up),
		cmocka_unit_test(what_is_no_recording_is_refused),
		cmocka_unit_test(noise_does_no_harm),
		cmocka_unit_test(a_process_is_known_from_the_file),
		cmocka_unit_test(a_container_is_an_id_or_nothing),
	};

	return cmocka_run_group_tests(tests, write_recording, free_recording);
}
