// SPDX-License-Identifier: GPL-2.0
/* Paragraphs of plain words, and commands to be copied. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "tool.h"
#include "words.h"

#define LINE_WIDTH	90

void words_begin(struct words *w, FILE *out)
{
	*w = (struct words){ .out = out };
	w->text = open_memstream(&w->buf, &w->len);
	if (!w->text)
		tool_grow(NULL, SIZE_MAX / 2);	/* says so, and ends */
}

void words_add(struct words *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(w->text, format, args);
	va_end(args);
}

/* What others have chosen: nothing in it reaches a terminal that could disturb it. */
void words_add_name(struct words *w, const char *name)
{
	plain_string(w->text, span_of(name));
}

static void put_word(FILE *out, const char *word, size_t len, size_t indent, size_t *column)
{
	if (*column == 0)
		*column = fprintf(out, "%*s", (int)indent, "");
	else if (*column + 1 + len > LINE_WIDTH)
		*column = fprintf(out, "\n%*s", (int)indent, "") - 1;
	else
		*column += fprintf(out, " ");
	fwrite(word, 1, len, out);
	*column += len;
}

/* Each line is moved in by @indent. */
void words_end(struct words *w, size_t indent)
{
	size_t column = 0;
	const char *p;

	fclose(w->text);
	for (p = w->buf; *p;) {
		size_t len = strcspn(p, " ");

		if (len)
			put_word(w->out, p, len, indent, &column);
		p += len + (p[len] == ' ');
	}
	if (column)
		putc('\n', w->out);
	free(w->buf);
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_-./:@%+=,", c));
}

/* For zsh, "=" stands for a path if it comes first. */
static bool plain_in_shell(const char *word)
{
	if (!*word || *word == '=')
		return false;
	for (; *word; word++) {
		if (!is_plain(*word))
			return false;
	}
	return true;
}

/* In quotes, fish would take such a backslash together with what follows, or with their end. */
static bool stands_apart(const char *p)
{
	return *p == '\'' || (*p == '\\' && (!p[1] || p[1] == '\'' || p[1] == '\\'));
}

/* Parts in quotes, none of which has a quote in it, and bytes behind a backslash each. */
static void put_quoted(FILE *out, const char *word)
{
	bool inside = false;

	for (; *word; word++) {
		bool apart = stands_apart(word);

		if (apart == inside)
			putc('\'', out);
		inside = !apart;
		if (apart)
			putc('\\', out);
		putc(*word, out);
	}
	if (inside)
		putc('\'', out);
}

/* "!" is not among what is plain: the double quotes do not keep it from being history. */
static void put_printed(FILE *out, const char *word, size_t len)
{
	fputs("\"$(printf %b '", out);
	for (; len; len--, word++) {
		if (*word == ' ' || is_plain(*word))
			putc(*word, out);
		else
			fprintf(out, "\\0%03o", (unsigned char)*word);
	}
	fputs("')\"", out);
}

/* Is there anything in the first bytes of it that is not to be shown? */
static bool must_be_printed(const char *word, size_t len)
{
	struct source src = { word, word + len, false };
	struct symbol sym;

	while (symbol_next(&src, &sym)) {
		if (!sym.valid || symbol_is_control(&sym))
			return true;
	}
	return false;
}

/*
 * One word of a command: what any shell of POSIX makes of it is @word again, to the byte.
 * Only newlines at the end are given as they are, for $() takes them away.
 */
void words_shell(FILE *out, const char *word)
{
	size_t len = strlen(word);

	while (len && word[len - 1] == '\n')
		len--;
	if (plain_in_shell(word)) {
		fputs(word, out);
	} else if (must_be_printed(word, len)) {
		put_printed(out, word, len);
		if (word[len])
			put_quoted(out, word + len);
	} else if (*word) {
		put_quoted(out, word);
	} else {
		fputs("''", out);
	}
}
