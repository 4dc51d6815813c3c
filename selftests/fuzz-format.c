// SPDX-License-Identifier: GPL-2.0
/* build: fuzz */
/*
 * Any record must give one line, which the tool takes apart into what the record says: no
 * name can end a line, a value or a quotation. The input is a record.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include "../format.c"
#undef ARRAY_SIZE
#include "../tools/record.c"

/* In memory of exactly the size that must hold it, so that ASan sees a step too far. */
static void check_room(const struct mlock2mon_record *rec, size_t room)
{
	char *line = malloc(room);
	size_t len = mlmon_format_record(line, room, rec);

	assert(len < room && strlen(line) == len);
	free(line);
}

static int nibble(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Quoting can be undone. */
static void check_name(const struct field *f, const char *name)
{
	size_t len = strnlen(name, MLOCK2MON_COMM_LEN);
	size_t i = 0;
	const char *p;

	assert(f && f->quoted);
	for (p = f->value.at; p < f->value.at + f->value.len; p++, i++) {
		char c = *p;

		if (c == '\\' && *++p == 'x') {
			c = nibble(p[1]) << 4 | nibble(p[2]);
			p += 2;
		} else if (c == '\\') {
			c = *p;
		}
		assert(i < len && name[i] == c);
	}
	assert(i == len);
}

static void check_number(const struct record *line, const char *key, uint64_t want)
{
	const struct field *f = record_find(line, key);
	uint64_t value;

	assert(f && span_u64(f->value, &value) && value == want);
}

static void check_fields(const struct record *line, const struct mlock2mon_record *rec)
{
	const struct field *call = record_find(line, "call");
	uint64_t ns;

	assert(line->kind == RECORD_EVENT && line->seq == rec->seq);
	assert(span_is(call->value, mlmon_call_name(rec->call)));
	assert(span_time(record_find(line, "ts")->value, &ns) && ns == rec->ts_ns);
	check_number(line, "pid", rec->pid);
	check_number(line, "tid", rec->tid);
	check_number(line, "uid", rec->uid);
	check_number(line, "len", rec->len);
	check_number(line, "dur_ns", rec->dur_ns);
	check_number(line, "cgroup", rec->cgroup);
	check_name(record_find(line, "comm"), rec->comm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mlock2mon_record rec = { 0 };
	static struct record parsed;
	char *line = malloc(MLMON_LINE_MAX);
	size_t len, i;

	memcpy(&rec, data, size < sizeof(rec) ? size : sizeof(rec));
	/* A loss is made by the device, of numbers that there are. */
	if (rec.call == MLOCK2MON_LOST) {
		rec.seq &= INT64_MAX;
		rec.len = (rec.len & INT64_MAX) + 1;
	}
	len = mlmon_format_record(line, MLMON_LINE_MAX, &rec);
	assert(len > 1 && len < MLMON_LINE_MAX - 1);
	assert(strlen(line) == len && line[len - 1] == '\n');
	for (i = 0; i < len - 1; i++)
		assert(line[i] >= ' ' && line[i] < 0x7f);
	assert(record_parse(&parsed, line, len - 1));
	if (rec.call == MLOCK2MON_LOST)
		assert(parsed.kind == RECORD_LOSS && parsed.lost == rec.len &&
		       parsed.seq == rec.seq);
	else
		check_fields(&parsed, &rec);
	check_room(&rec, 1 + size % MLMON_LINE_MAX);
	free(line);
	return 0;
}
