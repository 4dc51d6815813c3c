// SPDX-License-Identifier: GPL-2.0
/*
 * One line of /dev/mlock2mon, taken apart.
 *
 * The line is believed only as far as its own syntax goes: key=value, a blank
 * between two of them, a value in quotes reaching to the next quote that no
 * backslash protects. So what stands inside quotes can never become a key.
 */
#include <string.h>

#include "record.h"

struct span span_of(const char *text)
{
	return (struct span){ text, strlen(text) };
}

bool span_is(struct span span, const char *text)
{
	return span.len == strlen(text) && !memcmp(span.at, text, span.len);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool span_u64(struct span span, uint64_t *value)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < span.len; i++) {
		if (!is_digit(span.at[i]))
			return false;
		if (__builtin_mul_overflow(sum, (uint64_t)10, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)(span.at[i] - '0'), &sum))
			return false;
	}
	*value = sum;
	return span.len > 0;
}

bool span_s64(struct span span, int64_t *value)
{
	bool minus = span.len && span.at[0] == '-';
	uint64_t sum;

	if (minus) {
		span.at++;
		span.len--;
	}
	if (!span_u64(span, &sum) || sum > INT64_MAX)
		return false;
	*value = minus ? -(int64_t)sum : (int64_t)sum;
	return true;
}

/* Seconds and exactly nine digits after the point, as the module writes times. */
bool span_time(struct span span, uint64_t *ns)
{
	const char *dot = memchr(span.at, '.', span.len);
	struct span whole, rest;
	uint64_t seconds, below;

	if (!dot)
		return false;
	whole = (struct span){ span.at, dot - span.at };
	rest = (struct span){ dot + 1, span.at + span.len - (dot + 1) };
	return rest.len == 9 && span_u64(rest, &below) && span_u64(whole, &seconds) &&
	       !__builtin_mul_overflow(seconds, (uint64_t)1000000000, &seconds) &&
	       !__builtin_add_overflow(seconds, below, ns);
}

/* Exactly what JSON calls a number, short of exponents: no leading zero, no plus. */
bool span_is_number(struct span span)
{
	const char *p = span.at;
	const char *end = span.at + span.len;

	if (p < end && *p == '-')
		p++;
	if (p == end || !is_digit(*p))
		return false;
	if (*p == '0')
		p++;
	else
		while (p < end && is_digit(*p))
			p++;
	if (p == end)
		return true;
	if (*p++ != '.' || p == end)
		return false;
	while (p < end && is_digit(*p))
		p++;
	return p == end;
}

static bool is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

/* Each returns where the text it took ends, or NULL. */

static const char *take_key(struct field *f, const char *p, const char *end)
{
	f->key.at = p;
	while (p < end && is_key_char(*p))
		p++;
	f->key.len = p - f->key.at;
	if (!f->key.len || p == end || *p != '=')
		return NULL;
	return p + 1;
}

static const char *take_quoted(struct field *f, const char *p, const char *end)
{
	f->quoted = true;
	f->value.at = ++p;
	while (p < end && *p != '"') {
		if (*p == '\\' && ++p == end)
			return NULL;
		p++;
	}
	if (p == end)
		return NULL;
	f->value.len = p - f->value.at;
	return p + 1;
}

static const char *take_plain(struct field *f, const char *p, const char *end)
{
	f->quoted = false;
	f->value.at = p;
	while (p < end && *p != ' ' && *p != '"')
		p++;
	f->value.len = p - f->value.at;
	return f->value.len ? p : NULL;
}

static const char *take_field(struct field *f, const char *p, const char *end)
{
	p = take_key(f, p, end);
	if (!p)
		return NULL;
	if (p < end && *p == '"')
		return take_quoted(f, p, end);
	return take_plain(f, p, end);
}

static bool known_key(const struct record *rec, struct span key)
{
	size_t i;

	for (i = 0; i < rec->nr; i++) {
		if (rec->field[i].key.len == key.len &&
		    !memcmp(rec->field[i].key.at, key.at, key.len))
			return true;
	}
	return false;
}

static bool take_fields(struct record *rec, const char *p, const char *end)
{
	rec->nr = 0;
	for (;;) {
		struct field *f = &rec->field[rec->nr];

		if (rec->nr == RECORD_FIELDS)
			return false;
		p = take_field(f, p, end);
		if (!p || known_key(rec, f->key))
			return false;
		rec->nr++;
		if (p == end)
			return true;
		if (*p++ != ' ')
			return false;
	}
}

const struct field *record_find(const struct record *rec, const char *key)
{
	size_t i;

	for (i = 0; i < rec->nr; i++) {
		if (span_is(rec->field[i].key, key))
			return &rec->field[i];
	}
	return NULL;
}

static bool split_range(struct span range, uint64_t *first, uint64_t *last)
{
	const char *dots = memchr(range.at, '.', range.len);
	const char *end = range.at + range.len;
	struct span left, right;

	if (!dots || end - dots < 2 || dots[1] != '.')
		return false;
	left = (struct span){ range.at, dots - range.at };
	right = (struct span){ dots + 2, end - (dots + 2) };
	return span_u64(left, first) && span_u64(right, last);
}

static bool understand_loss(struct record *rec)
{
	rec->kind = RECORD_LOSS;
	return rec->nr >= 2 && span_is(rec->field[1].key, "seq") &&
	       span_u64(rec->field[0].value, &rec->lost) && rec->lost &&
	       split_range(rec->field[1].value, &rec->seq, &rec->last_seq) &&
	       rec->last_seq >= rec->seq && rec->last_seq - rec->seq == rec->lost - 1;
}

static bool understand_event(struct record *rec)
{
	rec->kind = RECORD_EVENT;
	rec->lost = 0;
	if (!span_is(rec->field[0].key, "seq") || !span_u64(rec->field[0].value, &rec->seq))
		return false;
	rec->last_seq = rec->seq;
	return record_find(rec, "call");
}

/*
 * True if the whole line, given without its newline, was understood. @rec then
 * points into @line and lives as long as that.
 */
bool record_parse(struct record *rec, const char *line, size_t len)
{
	if (!take_fields(rec, line, line + len))
		return false;
	if (span_is(rec->field[0].key, "lost"))
		return understand_loss(rec);
	return understand_event(rec);
}
