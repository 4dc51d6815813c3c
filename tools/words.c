// SPDX-License-Identifier: GPL-2.0
/* Paragraphs of plain words, and commands to be copied. */
#define _GNU_SOURCE
#include <ctype.h>
#include <ctype.h>
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

static bool plain_in_shell(const char *word)
{
	if (!*word)
		return false;
	for (; *word; word++) {
		if (!isalnum((unsigned char)*word) && !strchr("_-./:@%+=,", *word))
			return false;
	}
	return true;
}

/* One word of a command: what a shell makes of it is @word again, to the byte. */
void words_shell(FILE *out, const char *word)
{
	const unsigned char *p = (const unsigned char *)word;
	bool control = false;

	if (plain_in_shell(word)) {
		fputs(word, out);
		return;
	}
	for (; *p; p++)
		control |= *p < 0x20 || *p >= 0x7f;
	fputs(control ? "$'" : "'", out);
	for (p = (const unsigned char *)word; *p; p++) {
		if (control && (*p < 0x20 || *p >= 0x7f))
			fprintf(out, "\\%03o", *p);
		else if (control && (*p == '\\' || *p == '\''))
			fprintf(out, "\\%c", *p);
		else if (*p == '\'')
			fputs("'\\''", out);
		else
			putc(*p, out);
	}
	putc('\'', out);
}
