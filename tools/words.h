/* SPDX-License-Identifier: GPL-2.0 */
/* Paragraphs of plain words, and commands to be copied. */
#ifndef TOOLS_WORDS_H
#define TOOLS_WORDS_H

#include <stdio.h>

#include "record.h"

/* Text is gathered here until its end, and then broken into lines. */
struct words {
	FILE	*out;
	FILE	*text;
	char	*buf;
	size_t	len;
};

void words_begin(struct words *w, FILE *out);
__attribute__((format(printf, 2, 3)))
void words_add(struct words *w, const char *format, ...);
void words_add_name(struct words *w, const char *name);
void words_end(struct words *w, size_t indent);

void words_shell(FILE *out, const char *word);

#endif
