// SPDX-License-Identifier: GPL-2.0
/* build: fuzz */
/*
 * What the tool reads may be anything: lines of the device from a file, counters and tables
 * from a directory, arguments. Whatever it is, it must be taken apart without a step too far,
 * and what comes out as text must not move a cursor, as JSON not end a string. The first byte
 * of the input says which parser the rest is for.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "../tools/choose.h"
#include "../tools/counters.h"
#include "../tools/event.h"
#include "../tools/text.h"
#include "../tools/tool.h"
#include "../filter.h"

/* The one function of tools/mlock2mon.c that is wanted here. */
void *tool_grow(void *mem, size_t size)
{
	mem = realloc(mem, size);
	assert(mem);
	return mem;
}

static char *text;
static size_t text_len;

static FILE *open_text(void)
{
	FILE *out = open_memstream(&text, &text_len);

	assert(out);
	return out;
}

/* Nothing but lines of what can be seen; UTF-8 may be in it. */
static void close_text(FILE *out)
{
	size_t i;

	fclose(out);
	for (i = 0; i < text_len; i++)
		assert((unsigned char)text[i] >= ' ' || text[i] == '\n');
	free(text);
}

static void parse_line(const char *line, size_t len)
{
	const struct event_view view = { .wall = len & 1 };
	static struct record rec;
	FILE *out = open_text();

	if (record_parse(&rec, line, len)) {
		assert(rec.nr && rec.nr <= RECORD_FIELDS && rec.last_seq >= rec.seq);
		event_json(out, &rec);
		event_text(out, &rec, &view);
	} else {
		event_json_unknown(out, (struct span){ line, len });
		event_text_unknown(out, (struct span){ line, len });
	}
	close_text(out);
}

static void parse_counters(const char *data, size_t len)
{
	FILE *in = fmemopen((void *)data, len, "r");
	struct counters all;
	FILE *out;

	if (!in)
		return;
	if (counters_read(&all, in)) {
		out = open_text();
		counters_json(out, &all);
		close_text(out);
	}
	counters_free(&all);
	fclose(in);
}

static void parse_choice(const char *argument, unsigned int which)
{
	enum choice what = CHOOSE_CALL + which % (CHOOSE_END - CHOOSE_CALL);
	struct mlock2mon_filter filter = { 0 };

	if (choose(&filter, what, argument))
		assert(mlmon_filter_valid(&filter));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *rest;

	if (!size)
		return 0;
	/* Of exactly its size, so that ASan sees a step too far. */
	rest = malloc(size);
	memcpy(rest, data + 1, size - 1);
	rest[size - 1] = '\0';
	switch (data[0] % 3) {
	case 0:
		rest = realloc(rest, size - 1 ? size - 1 : 1);
		parse_line(rest, size - 1);
		break;
	case 1:
		if (size - 1)
			parse_counters(rest, size - 1);
		break;
	default:
		parse_choice(rest, data[0] / 3);
		break;
	}
	free(rest);
	return 0;
}
