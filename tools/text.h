/* SPDX-License-Identifier: GPL-2.0 */
/* Strings and numbers, as JSON and as people read them. */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "record.h"

#define TEXT_SIZE_MAX	24	/* room for any result of size_text() and duration_text() */

/* One step through a string: a code point, or one byte that is not UTF-8. */
struct symbol {
	uint32_t	code;
	unsigned char	byte[4];
	size_t		len;
	bool		valid;
};

/* Gives the next byte of a string, with or without the escapes of the device undone. */
struct source {
	const char	*at;
	const char	*end;
	bool		escaped;
};

bool symbol_next(struct source *src, struct symbol *sym);
bool symbol_is_control(const struct symbol *sym);

void json_string(FILE *out, struct span text);
void json_escaped(FILE *out, struct span text);
void json_value(FILE *out, struct span text);

size_t plain_string(FILE *out, struct span text);
size_t plain_escaped(FILE *out, struct span text);
void pad_column(FILE *out, size_t used, size_t width);
void plain_column(FILE *out, struct span text, size_t width);

const char *size_text(uint64_t bytes, char buf[TEXT_SIZE_MAX]);
const char *duration_text(uint64_t ns, char buf[TEXT_SIZE_MAX]);

#endif
