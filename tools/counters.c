// SPDX-License-Identifier: GPL-2.0
/*
 * The counters of /proc/mlock2mon/stats: lines "key value", where dots divide a
 * key. Keys this tool does not know are kept and shown as JSON like the others.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "text.h"
#include "tool.h"

#define MOST_COUNTERS	4096
#define LONGEST_KEY	128

/* The line belongs to the counter from here on, through its key. */
static bool add_line(struct counters *all, char *line, size_t len)
{
	char *blank = memchr(line, ' ', len);
	struct counter *c;

	if (!blank || blank == line || blank == line + len - 1 ||
	    blank - line > LONGEST_KEY || all->nr == MOST_COUNTERS)
		return false;
	if (!(all->nr & (all->nr - 1)))
		all->counter = tool_grow(all->counter, (all->nr ? 2 * all->nr : 1) * sizeof(*c));
	c = &all->counter[all->nr++];
	c->key = (struct span){ line, blank - line };
	c->value = (struct span){ blank + 1, line + len - (blank + 1) };
	return true;
}

/* A file of /proc/mlock2mon, or of a copy of that directory. */
FILE *counters_open(const char *dir, const char *name)
{
	char *path = NULL;
	FILE *in;
	int error;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return NULL;
	in = fopen(path, "re");
	error = errno;
	free(path);
	errno = error;
	return in;
}

/* False if anything but such lines was read. The counters must be freed in any case. */
bool counters_read(struct counters *all, FILE *in)
{
	*all = (struct counters){ 0 };
	for (;;) {
		char *line = NULL;
		size_t room = 0;
		ssize_t len = getline(&line, &room, in);

		if (len < 0) {
			free(line);
			return !ferror(in) && all->nr;
		}
		if (line[len - 1] != '\n' || !add_line(all, line, len - 1)) {
			free(line);
			return false;
		}
	}
}

void counters_free(struct counters *all)
{
	size_t i;

	for (i = 0; i < all->nr; i++)
		free((char *)all->counter[i].key.at);
	free(all->counter);
	*all = (struct counters){ 0 };
}

struct span counters_text(const struct counters *all, const char *key)
{
	size_t i;

	for (i = 0; i < all->nr; i++) {
		if (span_is(all->counter[i].key, key))
			return all->counter[i].value;
	}
	return span_of("?");
}

/* The counter "group.rest", 0 if there is none. */
uint64_t counters_number(const struct counters *all, struct span group, const char *rest)
{
	size_t i;

	for (i = 0; i < all->nr; i++) {
		struct span key = all->counter[i].key;
		uint64_t value;

		if (key.len <= group.len || memcmp(key.at, group.at, group.len) ||
		    key.at[group.len] != '.')
			continue;
		key = (struct span){ key.at + group.len + 1, key.len - group.len - 1 };
		if (span_is(key, rest) && span_u64(all->counter[i].value, &value))
			return value;
	}
	return 0;
}

/* --- as JSON: each dot of a key opens an object --- */

/* What of a counter's key is left when the first @depth bytes are taken; its next part. */
static struct span rest_of_key(const struct counter *c, size_t depth)
{
	return (struct span){ c->key.at + depth, c->key.len - depth };
}

static struct span next_part(const struct counter *c, size_t depth)
{
	struct span rest = rest_of_key(c, depth);
	const char *dot = memchr(rest.at, '.', rest.len);

	if (dot)
		rest.len = dot - rest.at;
	return rest;
}

static bool same(struct span a, struct span b)
{
	return a.len == b.len && !memcmp(a.at, b.at, a.len);
}

/* In the object of @of's first @depth bytes, and in which part of it. */
static bool in_object(const struct counter *c, const struct counter *of, size_t depth)
{
	return c->key.len >= depth && !memcmp(c->key.at, of->key.at, depth);
}

/* A name that comes again, as a value or as an object, was written the first time. */
static bool seen_before(const struct counters *all, const struct counter *c, size_t depth)
{
	const struct counter *p;

	for (p = all->counter; p < c; p++) {
		if (in_object(p, c, depth) && same(next_part(p, depth), next_part(c, depth)))
			return true;
	}
	return false;
}

static void json_counter(FILE *out, const struct counter *c)
{
	/* Names, even if they look like numbers. */
	if (span_is(c->key, "version") || span_is(c->key, "load_id"))
		json_string(out, c->value);
	else
		json_value(out, c->value);
}

static void json_object(FILE *out, const struct counters *all, const struct counter *of,
			size_t depth)
{
	const struct counter *c;
	const char *comma = "";

	for (c = all->counter; c < all->counter + all->nr; c++) {
		struct span part;

		if (!in_object(c, of, depth) || seen_before(all, c, depth))
			continue;
		part = next_part(c, depth);
		fputs(comma, out);
		comma = ",";
		json_string(out, part);
		putc(':', out);
		if (part.len == c->key.len - depth) {
			json_counter(out, c);
			continue;
		}
		putc('{', out);
		json_object(out, all, c, depth + part.len + 1);
		putc('}', out);
	}
}

/* The members only, so that the caller can add its own. */
void counters_json(FILE *out, const struct counters *all)
{
	json_object(out, all, all->counter, 0);
}
