/* SPDX-License-Identifier: GPL-2.0 */
/*
 * jsonlines.h: is this text exactly one JSON value, by the letter of RFC 8259?
 *
 * Stricter than the letter where mlock2mon promises more: a key comes once in an
 * object, and neither DEL nor a C1 control character stands unescaped.
 */
#ifndef JSONLINES_H
#define JSONLINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSONL_DEPTH	32
#define JSONL_KEYS	256

struct jsonl_text {
	const char	*at;
	const char	*end;
};

static bool jsonl_any(struct jsonl_text *t, int depth);

static inline bool jsonl_take(struct jsonl_text *t, char c)
{
	if (t->at == t->end || *t->at != c)
		return false;
	t->at++;
	return true;
}

static inline bool jsonl_word(struct jsonl_text *t, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(t->end - t->at) < len || memcmp(t->at, word, len))
		return false;
	t->at += len;
	return true;
}

static inline bool jsonl_digits(struct jsonl_text *t)
{
	const char *from = t->at;

	while (t->at < t->end && *t->at >= '0' && *t->at <= '9')
		t->at++;
	return t->at > from;
}

static inline bool jsonl_number(struct jsonl_text *t)
{
	jsonl_take(t, '-');
	if (!jsonl_take(t, '0') && !jsonl_digits(t))
		return false;
	if (jsonl_take(t, '.') && !jsonl_digits(t))
		return false;
	if (jsonl_take(t, 'e') || jsonl_take(t, 'E')) {
		if (!jsonl_take(t, '+'))
			jsonl_take(t, '-');
		return jsonl_digits(t);
	}
	return true;
}

static inline bool jsonl_escape(struct jsonl_text *t)
{
	int i;

	if (t->at == t->end)
		return false;
	if (*t->at != 'u')
		return strchr("\"\\/bfnrt", *t->at++);
	t->at++;
	for (i = 0; i < 4; i++, t->at++) {
		if (t->at == t->end || !memchr("0123456789abcdefABCDEF", *t->at, 22))
			return false;
	}
	return true;
}

/* A code point that must have been this long, is no surrogate and no control character. */
static inline bool jsonl_code(uint32_t code, int len)
{
	static const uint32_t least[] = { 0, 0x20, 0xa0, 0x800, 0x10000 };

	return code >= least[len] && code != 0x7f && code <= 0x10ffff &&
	       (code < 0xd800 || code > 0xdfff);
}

static inline bool jsonl_utf8(struct jsonl_text *t)
{
	unsigned char first = *t->at++;
	int len = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t code = len == 1 ? first : first & (0x7f >> len);
	int i;

	if (!len || first >= 0xf8)
		return false;
	for (i = 1; i < len; i++) {
		if (t->at == t->end || (*t->at & 0xc0) != 0x80)
			return false;
		code = code << 6 | (*t->at++ & 0x3f);
	}
	return jsonl_code(code, len);
}

static inline bool jsonl_text(struct jsonl_text *t)
{
	if (!jsonl_take(t, '"'))
		return false;
	while (t->at < t->end) {
		if (jsonl_take(t, '"'))
			return true;
		if (!(jsonl_take(t, '\\') ? jsonl_escape(t) : jsonl_utf8(t)))
			return false;
	}
	return false;
}

static inline bool jsonl_array(struct jsonl_text *t, int depth)
{
	if (jsonl_take(t, ']'))
		return true;
	do {
		if (!jsonl_any(t, depth))
			return false;
	} while (jsonl_take(t, ','));
	return jsonl_take(t, ']');
}

static inline bool jsonl_new_key(struct jsonl_text *keys, int nr)
{
	size_t len = keys[nr].end - keys[nr].at;
	int i;

	for (i = 0; i < nr; i++) {
		if ((size_t)(keys[i].end - keys[i].at) == len &&
		    !memcmp(keys[i].at, keys[nr].at, len))
			return false;
	}
	return true;
}

static inline bool jsonl_members(struct jsonl_text *t, int depth)
{
	struct jsonl_text keys[JSONL_KEYS];
	int nr = 0;

	if (jsonl_take(t, '}'))
		return true;
	do {
		if (nr == JSONL_KEYS)
			return false;
		keys[nr].at = t->at;
		if (!jsonl_text(t))
			return false;
		keys[nr].end = t->at;
		if (!jsonl_new_key(keys, nr++) || !jsonl_take(t, ':') || !jsonl_any(t, depth))
			return false;
	} while (jsonl_take(t, ','));
	return jsonl_take(t, '}');
}

/* Blanks between tokens are allowed by JSON, and not used by mlock2mon. */
static inline bool jsonl_any(struct jsonl_text *t, int depth)
{
	if (t->at == t->end || !depth)
		return false;
	switch (*t->at) {
	case '{':
		t->at++;
		return jsonl_members(t, depth - 1);
	case '[':
		t->at++;
		return jsonl_array(t, depth - 1);
	case '"':
		return jsonl_text(t);
	case 't':
		return jsonl_word(t, "true");
	case 'f':
		return jsonl_word(t, "false");
	case 'n':
		return jsonl_word(t, "null");
	default:
		return jsonl_number(t);
	}
}

/* One object and nothing else; without its newline. */
static inline bool jsonl_is_object(const char *text, size_t len)
{
	struct jsonl_text t = { text, text + len };

	return len && *text == '{' && jsonl_any(&t, JSONL_DEPTH) && t.at == t.end;
}

#endif /* JSONLINES_H */
