/* SPDX-License-Identifier: GPL-2.0 */
/* One line of /dev/mlock2mon, taken apart. */
#ifndef TOOLS_RECORD_H
#define TOOLS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* A line with more keys than this is not one of ours. */
#define RECORD_FIELDS	128

/* Bytes of the line itself: nothing is copied, nothing ends with a NUL. */
struct span {
	const char	*at;
	size_t		len;
};

struct field {
	struct span	key;
	struct span	value;	/* without its quotes, escapes untouched */
	bool		quoted;
};

enum record_kind {
	RECORD_EVENT,
	RECORD_LOSS,
};

struct record {
	enum record_kind	kind;
	uint64_t		seq;		/* of a loss: the first number lost */
	uint64_t		last_seq;	/* the same as seq for an event */
	uint64_t		lost;		/* 0 for an event */
	size_t			nr;
	struct field		field[RECORD_FIELDS];
};

struct span span_of(const char *text);
bool span_is(struct span span, const char *text);
bool span_u64(struct span span, uint64_t *value);
bool span_s64(struct span span, int64_t *value);
bool span_time(struct span span, uint64_t *ns);
bool span_is_number(struct span span);

bool record_parse(struct record *rec, const char *line, size_t len);
const struct field *record_find(const struct record *rec, const char *key);

#endif
